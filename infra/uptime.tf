# Checks that the HTTP functions are reachable from outside.

resource "google_monitoring_uptime_check_config" "health" {
  for_each = local.http_functions

  display_name = "QuickThumb: ${each.key}"
  timeout      = "10s"
  period       = "300s"
  user_labels  = var.labels

  http_check {
    path         = "/health"
    port         = 443
    use_ssl      = true
    validate_ssl = true

    accepted_response_status_codes {
      status_class = "STATUS_CLASS_2XX"
    }

    dynamic "service_agent_authentication" {
      for_each = var.public ? [] : ["OIDC_TOKEN"]
      content {
        type = service_agent_authentication.value
      }
    }
  }

  monitored_resource {
    type   = "uptime_url"
    labels = { project_id = var.project, host = trimprefix(local.urls[each.key], "https://") }
  }

  # Changing the host replaces the check, and a check used by an alert cannot be deleted.
  lifecycle {
    create_before_destroy = true
  }
}

resource "google_cloud_run_v2_service_iam_member" "uptime" {
  for_each = var.public ? {} : local.http_functions

  location = var.region
  name     = google_cloud_run_v2_service.function[each.key].name
  role     = "roles/run.invoker"
  member   = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com"

  depends_on = [google_monitoring_uptime_check_config.health]
}

resource "google_monitoring_alert_policy" "uptime" {
  for_each = local.http_functions

  display_name          = "QuickThumb: ${each.key} is unreachable"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = local.channels
  user_labels           = var.labels

  conditions {
    display_name = "${each.key} is unreachable from more than one region"
    condition_threshold {
      filter          = "resource.type = \"uptime_url\" AND metric.type = \"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.labels.check_id = \"${google_monitoring_uptime_check_config.health[each.key].uptime_check_id}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1
      duration        = "60s"

      aggregations {
        alignment_period     = "1200s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
        group_by_fields      = ["resource.label.host"]
      }
      trigger {
        count = 1
      }
    }
  }

  documentation {
    content   = "GET /health fails. 403 in the log: Cloud Monitoring's service agent lacks the role on the function. With a domain: check the certificate and the A record."
    mime_type = "text/markdown"
  }
}
