locals {
  # With a domain, the function's own URL must not bypass its rate limit.
  http_ingress = var.domain == "" ? "INGRESS_TRAFFIC_ALL" : "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"

  # What events call the service by. This URL is known before the service exists:
  # https://docs.cloud.google.com/run/docs/triggering/https-request#deterministic
  public_host = (
    var.domain == ""
    ? "${keys(local.http_functions)[0]}-${data.google_project.this.number}.${var.region}.run.app"
    : var.domain
  )
  public_url = "https://${local.public_host}"
}

# Each function is a Cloud Run service; docs/decisions/0008-revisions-and-traffic.md explains why it is not a
# google_cloudfunctions2_function.
resource "google_cloud_run_v2_service" "function" {
  for_each = local.functions

  name                = each.key
  location            = var.region
  deletion_protection = !var.deletion_allowed

  # Requests from Pub/Sub and Cloud Scheduler of the same project count as internal:
  # https://docs.cloud.google.com/run/docs/securing/ingress
  ingress = each.value.trigger == "http" ? local.http_ingress : "INGRESS_TRAFFIC_INTERNAL_ONLY"

  # Instead of a grant to allUsers, which domain restricted sharing forbids:
  # https://docs.cloud.google.com/run/docs/authenticating/public
  invoker_iam_disabled = each.value.trigger == "http" && var.public

  # The domain is also accepted as the audience of tokens.
  custom_audiences = each.value.trigger == "http" && var.domain != "" ? ["https://${var.domain}"] : null

  # Set on the service, not the revision, so revisions without traffic keep no instance.
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
        cpu_idle          = true # billed during requests only
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = merge(
          { QUICKTHUMB_PUBLIC_URL = local.public_url },
          each.value.environment,
          { FUNCTION_TARGET = each.value.entry_point },
        )
        content {
          name  = env.key
          value = env.value
        }
      }

      # Read when an instance starts, so a new version needs no deployment.
      dynamic "env" {
        for_each = each.value.trigger == "http" ? var.secrets : {}
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = env.value
              version = "latest"
            }
          }
        }
      }
    }
  }

  # For a new service only. From then on release.py assigns the traffic, so a new revision has none before it has
  # been tried, and an `apply` never restores one that was rolled back.
  traffic {
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    percent = 100
  }

  lifecycle {
    # gcloud, which moves the traffic, sets itself as the client.
    ignore_changes = [client, client_version, traffic]
  }

  # A new revision may be called immediately, so its permissions come first.
  depends_on = [
    google_pubsub_topic_iam_member.publish,
    google_secret_manager_secret_iam_member.function,
    google_storage_bucket_iam_member.function,
  ]
}
