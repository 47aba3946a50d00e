locals {
  # Nobody gets past the domain's limits by the function's own URL.
  http_ingress = var.domain == "" ? "INGRESS_TRAFFIC_ALL" : "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
}

# Each function is a service of Cloud Run: docs/decisions/0008-revisions-and-traffic.md says why not
# google_cloudfunctions2_function.
resource "google_cloud_run_v2_service" "function" {
  for_each = local.functions

  name                = each.key
  location            = var.region
  deletion_protection = !var.deletion_allowed

  # Calls of the same project's Pub/Sub and Cloud Scheduler count as internal:
  # https://docs.cloud.google.com/run/docs/securing/ingress
  ingress = each.value.trigger == "http" ? local.http_ingress : "INGRESS_TRAFFIC_INTERNAL_ONLY"

  # Instead of a grant to allUsers, which an organization's domain restricted sharing refuses:
  # https://docs.cloud.google.com/run/docs/authenticating/public
  invoker_iam_disabled = each.value.trigger == "http" && var.public

  # A token may also be made out to the domain.
  custom_audiences = each.value.trigger == "http" && var.domain != "" ? ["https://${var.domain}"] : null

  # Of the service, not of a revision: one that has no traffic keeps no instance.
  dynamic "scaling" {
    for_each = each.value.min_instances > 0 ? [each.value.min_instances] : []
    content {
      min_instance_count = scaling.value
    }
  }

  template {
    service_account                  = google_service_account.function[each.key].email
    timeout                          = "${each.value.timeout_seconds}s"
    max_instance_request_concurrency = each.value.concurrency
    labels                           = var.labels

    scaling {
      max_instance_count = each.value.max_instances
    }

    containers {
      image = local.image

      resources {
        limits            = { cpu = each.value.cpu, memory = each.value.memory }
        cpu_idle          = true # paid for while a request is at work, and not otherwise
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = merge(each.value.environment, { FUNCTION_TARGET = each.value.entry_point })
        content {
          name  = env.key
          value = env.value
        }
      }
    }
  }

  # Of a new service. From then on release.py says which revision has the traffic, so that a new one
  # has none before it has been tried, and an `apply` never brings one back that was taken away.
  traffic {
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    percent = 100
  }

  lifecycle {
    # gcloud, which moves the traffic, writes its own name and version as the client.
    ignore_changes = [client, client_version, traffic]
  }

  # A new revision may be called the moment it is there, so what it may do comes first.
  depends_on = [
    google_pubsub_topic_iam_member.publish,
    google_storage_bucket_iam_member.function,
  ]
}
