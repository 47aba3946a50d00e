# Recipients of alerts.

locals {
  channels = concat(var.notification_channels, [for channel in google_monitoring_notification_channel.email : channel.id])
}

resource "google_monitoring_notification_channel" "email" {
  for_each = toset(var.alert_email == "" ? [] : [var.alert_email])

  display_name = "QuickThumb: ${each.key}"
  type         = "email"
  labels       = { email_address = each.key }
  user_labels  = var.labels

  # Alerts and the budget stop using it before it is deleted.
  lifecycle {
    create_before_destroy = true
  }
}

check "somebody_is_told" {
  assert {
    condition     = var.alert_email != "" || length(var.notification_channels) > 0
    error_message = "Nobody is notified of alerts: set alert_email or notification_channels."
  }
}
