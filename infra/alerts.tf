locals {
  # Filter prefixes, by name.
  of_subscription = {
    for name, _ in local.subscriptions : name =>
    "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${name}\" AND metric.type = \"pubsub.googleapis.com/subscription"
  }
  of_function = {
    for name, _ in local.functions : name =>
    "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${name}\" AND metric.type = \"run.googleapis.com"
  }

  # One alert each: metric, threshold, duration, and what to do.
  alerts = merge(
    {
      for name, subscription in local.subscriptions : "dead letters of ${name}" => {
        filter      = "${local.of_subscription[name]}/dead_letter_message_count\""
        denominator = null
        aligner     = "ALIGN_DELTA"
        reducer     = "REDUCE_SUM"
        threshold   = 0
        duration    = "0s"
        advice      = "Jobs failed at every delivery and are in the dead-letter topic. The log of the subscribed function says why."
      } if subscription.dead_letter != null
    },
    {
      for name, subscription in local.subscriptions : "oldest unacknowledged message of ${name}" => {
        filter      = "${local.of_subscription[name]}/oldest_unacked_message_age\""
        denominator = null
        aligner     = "ALIGN_MAX"
        reducer     = "REDUCE_MAX"
        threshold   = subscription.maximum_backoff_seconds # more than a single delayed delivery
        duration    = "300s"
        advice      = "Jobs are waiting. Compare the number of instances with max_instances, and look for errors."
      }
    },
    {
      # Requests that Cloud Run itself rejects reach no instance, and are missing from its metrics:
      # https://docs.cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-run
      for name, subscription in local.subscriptions : "refused pushes of ${name}" => {
        filter      = "${local.of_subscription[name]}/push_request_count\" AND metric.labels.response_class = \"remote_server_4xx\""
        denominator = "${local.of_subscription[name]}/push_request_count\""
        aligner     = "ALIGN_RATE"
        reducer     = "REDUCE_SUM"
        threshold   = 0.1
        duration    = "300s"
        advice      = "More than one push in ten is rejected. 403: the role of quickthumb-push on the function is missing. 429: all instances are busy; raise the quota, then max_instances."
      }
    },
    {
      for name, function in local.functions : "server errors of ${name}" => {
        filter      = "${local.of_function[name]}/request_count\" AND metric.labels.response_code_class = \"5xx\""
        denominator = "${local.of_function[name]}/request_count\""
        aligner     = "ALIGN_RATE"
        reducer     = "REDUCE_SUM"
        threshold   = 0.01
        duration    = "300s"
        advice      = "More than one request in a hundred fails. The log of the function says why; roll back if it started with a deployment."
      }
    },
    {
      for name, function in local.functions : "p95 of ${name}" => {
        filter      = "${local.of_function[name]}/request_latencies\""
        denominator = null
        aligner     = "ALIGN_DELTA"
        reducer     = "REDUCE_PERCENTILE_95"
        threshold   = function.timeout_seconds * 1000 / 2 # the metric is in milliseconds
        duration    = "300s"
        advice      = "One request in twenty takes more than half of the function's timeout."
      }
    },
  )

  # Rejections by Cloud Run that no subscription counts. Anyone without a token gets 403, so for functions that
  # are reachable from outside only 429 is meaningful.
  refusals = {
    for name, function in local.functions : name => function.trigger == "http" ? "429" : "(403 OR 429)"
    if function.trigger != "pubsub"
  }
}

resource "google_monitoring_alert_policy" "alert" {
  for_each = local.alerts

  display_name          = "QuickThumb: ${each.key}"
  combiner              = "OR"
  notification_channels = local.channels
  user_labels           = var.labels

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

  # An alert on a metric of a resource that does not exist yet is rejected.
  depends_on = [google_cloud_run_v2_service.function, google_pubsub_subscription.push]
}

# Based on the log rather than a log-based metric: alerts on new metrics are rejected.
resource "google_monitoring_alert_policy" "refusals" {
  for_each = local.refusals

  display_name          = "QuickThumb: refused calls of ${each.key}"
  combiner              = "OR"
  notification_channels = local.channels
  user_labels           = var.labels

  conditions {
    display_name = "refused calls of ${each.key}"
    condition_matched_log {
      filter = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${each.key}\" AND log_id(\"run.googleapis.com/requests\") AND httpRequest.status=${each.value}"
    }
  }

  alert_strategy {
    auto_close = "1800s"
    notification_rate_limit {
      period = "3600s"
    }
  }

  documentation {
    content   = "Requests are rejected before they reach an instance. 429: all instances are busy; raise the quota, then max_instances. 403: the caller lacks the role on the function."
    mime_type = "text/markdown"
  }
}
