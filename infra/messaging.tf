resource "google_pubsub_topic" "topic" {
  #checkov:skip=CKV_GCP_83: Google's default encryption is sufficient; messages contain no picture data

  for_each = local.topics

  name = each.value.name
  # A topic without subscriptions drops its messages. With retention, a subscription created later can seek back:
  # https://docs.cloud.google.com/pubsub/docs/replay-overview
  message_retention_duration = each.value.is_dead_letter ? "${var.dead_letter_days * 86400}s" : null
}

resource "google_pubsub_subscription" "push" {
  for_each = local.subscriptions

  name                 = each.key
  topic                = google_pubsub_topic.topic[each.value.topic].id
  ack_deadline_seconds = each.value.ack_deadline_seconds

  push_config {
    push_endpoint = google_cloud_run_v2_service.function[each.value.push_to].uri
    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = google_cloud_run_v2_service.function[each.value.push_to].uri
    }
  }

  retry_policy {
    minimum_backoff = "${each.value.minimum_backoff_seconds}s"
    maximum_backoff = "${each.value.maximum_backoff_seconds}s"
  }

  dynamic "dead_letter_policy" {
    for_each = each.value.dead_letter[*]
    content {
      dead_letter_topic     = google_pubsub_topic.topic[dead_letter_policy.value.topic].id
      max_delivery_attempts = dead_letter_policy.value.max_delivery_attempts
    }
  }

  # Never; by default Pub/Sub deletes a subscription after 31 days of inactivity.
  expiration_policy {
    ttl = ""
  }

  # Rejected pushes count as delivery attempts, so the permission comes first.
  depends_on = [google_cloud_run_v2_service_iam_member.push]
}
