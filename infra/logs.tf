# What is not kept of the log of requests, which is most of what is logged.

locals {
  of_requests = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=(${join(" OR ", [for name in keys(local.functions) : "\"${name}\""])}) AND log_id(\"run.googleapis.com/requests\") AND httpRequest.status<400"
}

resource "google_logging_project_exclusion" "uptime_checks" {
  name        = "quickthumb-uptime-checks"
  description = "Uptime checks that passed: they are counted anyway."
  filter      = "${local.of_requests} AND httpRequest.userAgent:\"GoogleStackdriverMonitoring-UptimeChecks\""
}

resource "google_logging_project_exclusion" "requests" {
  for_each = toset(var.request_log_share < 1 ? ["sampled"] : [])

  name        = "quickthumb-requests"
  description = "Of the requests that were answered without an error only a share is kept; those that failed are kept all."
  filter      = "${local.of_requests} AND sample(insertId, ${1 - var.request_log_share})"
}
