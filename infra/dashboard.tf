locals {
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
    "Pushes a second, by subscription and answer" = {
      filter  = "resource.type = \"pubsub_subscription\" AND metric.type = \"pubsub.googleapis.com/subscription/push_request_count\""
      aligner = "ALIGN_RATE"
      reducer = "REDUCE_SUM"
      by      = ["resource.label.subscription_id", "metric.label.response_class"]
    }
    "Dead letters" = {
      filter  = "resource.type = \"pubsub_subscription\" AND metric.type = \"pubsub.googleapis.com/subscription/dead_letter_message_count\""
      aligner = "ALIGN_DELTA"
      reducer = "REDUCE_SUM"
      by      = ["resource.label.subscription_id"]
    }
  }
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
