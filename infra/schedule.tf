resource "google_cloud_scheduler_job" "schedule" {
  for_each = local.schedules

  name     = each.key
  region   = var.region
  schedule = each.value.cron
  # A failed run is not retried: the next run continues.
  time_zone        = "Etc/UTC"
  attempt_deadline = "${local.functions[each.value.function].timeout_seconds}s"

  http_target {
    uri         = google_cloud_run_v2_service.function[each.value.function].uri
    http_method = "POST"
    oidc_token {
      service_account_email = google_service_account.schedule.email
      audience              = google_cloud_run_v2_service.function[each.value.function].uri
    }
  }

  retry_config {
    retry_count = 0
  }

  depends_on = [google_cloud_run_v2_service_iam_member.schedule]
}
