locals {
  # One alert each: what is watched, above which value, for how long, and what to do about it.
  alerts = merge(
    {
      for name, subscription in local.subscriptions : "dead letters of ${name}" => {
        filter      = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${name}\" AND metric.type = \"pubsub.googleapis.com/subscription/dead_letter_message_count\""
        denominator = null
        aligner     = "ALIGN_DELTA"
        reducer     = "REDUCE_SUM"
        threshold   = 0
        duration    = "0s"
        advice      = "Jobs failed at every delivery and lie in the topic of dead letters. The log of the function that takes them says why."
      } if subscription.dead_letter != null
    },
    {
      for name, subscription in local.subscriptions : "oldest unacknowledged message of ${name}" => {
        filter      = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${name}\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
        denominator = null
        aligner     = "ALIGN_MAX"
        reducer     = "REDUCE_MAX"
        threshold   = subscription.maximum_backoff_seconds # older than one late delivery explains
        duration    = "300s"
        advice      = "Jobs wait. Look at the instances of the function against its max_instances, and at its errors."
      }
    },
    {
      for name, function in local.functions : "server errors of ${name}" => {
        filter      = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${name}\" AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code_class = \"5xx\""
        denominator = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${name}\" AND metric.type = \"run.googleapis.com/request_count\""
        aligner     = "ALIGN_RATE"
        reducer     = "REDUCE_SUM"
        threshold   = 0.01
        duration    = "300s"
        advice      = "More than one request in a hundred fails. The log of the function says why; roll back if it began with a deployment."
      }
    },
    {
      for name, function in local.functions : "p95 of ${name}" => {
        filter      = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${name}\" AND metric.type = \"run.googleapis.com/request_latencies\""
        denominator = null
        aligner     = "ALIGN_DELTA"
        reducer     = "REDUCE_PERCENTILE_95"
        threshold   = function.timeout_seconds * 1000 / 2 # the metric is in milliseconds
        duration    = "300s"
        advice      = "One request in twenty takes more than half of the function's timeout."
      }
    },
  )

  charts = {
    "Requests a second, by function and class of answer" = {
      filter  = "resource.type = \"cloud_run_revision\" AND metric.type = \"run.googleapis.com/request_count\""
      aligner = "ALIGN_RATE"
      reducer = "REDUCE_SUM"
      by      = ["resource.label.service_name", "metric.label.response_code_class"]
    }
    "95th percentile of duration, milliseconds" = {
      filter  = "resource.type = \"cloud_run_revision\" AND metric.type = \"run.googleapis.com/request_latencies\""
      aligner = "ALIGN_DELTA"
      reducer = "REDUCE_PERCENTILE_95"
      by      = ["resource.label.service_name"]
    }
    "Instances" = {
      filter  = "resource.type = \"cloud_run_revision\" AND metric.type = \"run.googleapis.com/container/instance_count\""
      aligner = "ALIGN_MAX"
      reducer = "REDUCE_SUM"
      by      = ["resource.label.service_name"]
    }
    "Age of the oldest message that waits, seconds" = {
      filter  = "resource.type = \"pubsub_subscription\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      aligner = "ALIGN_MAX"
      reducer = "REDUCE_MAX"
      by      = ["resource.label.subscription_id"]
    }
    "Dead letters" = {
      filter  = "resource.type = \"pubsub_subscription\" AND metric.type = \"pubsub.googleapis.com/subscription/dead_letter_message_count\""
      aligner = "ALIGN_DELTA"
      reducer = "REDUCE_SUM"
      by      = ["resource.label.subscription_id"]
    }
  }
}

resource "google_monitoring_alert_policy" "alert" {
  for_each = local.alerts

  display_name          = "QuickThumb: ${each.key}"
  combiner              = "OR"
  notification_channels = var.notification_channels

  conditions {
    display_name = each.key
    condition_threshold {
      filter             = each.value.filter
      denominator_filter = each.value.denominator
      comparison         = "COMPARISON_GT"
      threshold_value    = each.value.threshold
      duration           = each.value.duration

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = each.value.aligner
        cross_series_reducer = each.value.reducer
      }
      dynamic "denominator_aggregations" {
        for_each = each.value.denominator[*]
        content {
          alignment_period     = "300s"
          per_series_aligner   = each.value.aligner
          cross_series_reducer = each.value.reducer
        }
      }
    }
  }

  documentation {
    content   = each.value.advice
    mime_type = "text/markdown"
  }

  # An alert on a metric of something that is not there yet is refused.
  depends_on = [google_cloudfunctions2_function.function, google_pubsub_subscription.push]
}

resource "google_monitoring_dashboard" "overview" {
  dashboard_json = jsonencode({
    displayName = "QuickThumb"
    gridLayout = {
      columns = "2"
      widgets = [
        for title, chart in local.charts : {
          title = title
          xyChart = {
            dataSets = [{
              plotType = "LINE"
              timeSeriesQuery = {
                timeSeriesFilter = {
                  filter = chart.filter
                  aggregation = {
                    alignmentPeriod    = "60s"
                    perSeriesAligner   = chart.aligner
                    crossSeriesReducer = chart.reducer
                    groupByFields      = chart.by
                  }
                }
              }
            }]
          }
        }
      ]
    }
  })
}
