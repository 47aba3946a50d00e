# Notifies when the project's monthly costs reach the budget. It stops nothing.

resource "google_billing_budget" "month" {
  for_each = var.budget == null ? {} : { month = var.budget }

  billing_account = each.value.billing_account
  display_name    = "QuickThumb: ${var.project}"

  budget_filter {
    projects = ["projects/${data.google_project.this.number}"]
  }

  amount {
    specified_amount {
      units = tostring(each.value.amount) # in the billing account's currency
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1]
    content {
      threshold_percent = threshold_rules.value
    }
  }
  threshold_rules {
    threshold_percent = 1
    spend_basis       = "FORECASTED_SPEND"
  }

  # In addition to the billing account's administrators, who are always notified.
  dynamic "all_updates_rule" {
    for_each = length(local.channels) == 0 ? [] : [slice(local.channels, 0, min(5, length(local.channels)))]
    content {
      monitoring_notification_channels = all_updates_rule.value
    }
  }
}
