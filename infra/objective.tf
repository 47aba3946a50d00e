# Availability objectives of the HTTP functions, and alerts when their error budget burns too fast:
# https://sre.google/workbook/alerting-on-slos/

locals {
  # A burn rate of 1 uses up the error budget exactly within the period. The shorter window ends the alert soon
  # after the errors end.
  burn_rates = {
    fast = { rate = 14.4, windows = ["3600s", "300s"], severity = "CRITICAL", advice = "2% of the errors that 28 days may have are used up within an hour." }
    slow = { rate = 6, windows = ["21600s", "1800s"], severity = "WARNING", advice = "5% of the errors that 28 days may have are used up within six hours." }
  }

  burns = {
    for pair in setproduct(keys(local.http_functions), keys(local.burn_rates)) :
    "${pair[0]} ${pair[1]}" => { function = pair[0], burn = local.burn_rates[pair[1]] }
  }
}

resource "google_monitoring_custom_service" "quickthumb" {
  service_id   = "quickthumb"
  display_name = "QuickThumb"
  user_labels  = var.labels
}

resource "google_monitoring_slo" "availability" {
  for_each = local.http_functions

  service             = google_monitoring_custom_service.quickthumb.service_id
  slo_id              = "availability-of-${each.key}"
  display_name        = "Requests to ${each.key} without a server error"
  goal                = var.availability_goal
  rolling_period_days = 28
  user_labels         = var.labels

  request_based_sli {
    good_total_ratio {
      bad_service_filter   = "${local.of_function[each.key]}/request_count\" AND metric.labels.response_code_class = \"5xx\""
      total_service_filter = "${local.of_function[each.key]}/request_count\""
    }
  }
}

resource "google_monitoring_alert_policy" "burn" {
  for_each = local.burns

  display_name          = "QuickThumb: error budget of ${each.key}"
  combiner              = "AND"
  severity              = each.value.burn.severity
  notification_channels = local.channels
  user_labels           = var.labels

  dynamic "conditions" {
    for_each = each.value.burn.windows
    content {
      display_name = "errors within ${conditions.value} at ${each.value.burn.rate} times the sustainable rate"
      condition_threshold {
        filter          = "select_slo_burn_rate(\"${google_monitoring_slo.availability[each.value.function].name}\", \"${conditions.value}\")"
        comparison      = "COMPARISON_GT"
        threshold_value = each.value.burn.rate
        duration        = "0s"
      }
    }
  }

  documentation {
    content   = "${each.value.burn.advice} The log of the function says why; roll back if it started with a deployment."
    mime_type = "text/markdown"
  }
}
