# Exclusions from the request log, which is most of the log volume.

locals {
  of_requests = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=(${join(" OR ", [for name in keys(local.functions) : "\"${name}\""])}) AND log_id(\"run.googleapis.com/requests\") AND httpRequest.status<400"
}

resource "google_logging_project_exclusion" "uptime_checks" {
  name        = "quickthumb-uptime-checks"
  description = "Successful uptime checks, which have their own metric."
  filter      = "${local.of_requests} AND httpRequest.userAgent:\"GoogleStackdriverMonitoring-UptimeChecks\""
}

resource "google_logging_project_exclusion" "requests" {
  for_each = toset(var.request_log_share < 1 ? ["sampled"] : [])

  name        = "quickthumb-requests"
  description = "A share of successful requests; failed ones are always kept."
  filter      = "${local.of_requests} AND sample(insertId, ${1 - var.request_log_share})"
}
