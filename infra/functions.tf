data "archive_file" "bundle" {
  type             = "zip"
  source_dir       = "${path.module}/../functions"
  output_path      = "${path.module}/.build/functions.zip"
  output_file_mode = "0644" # the same bytes wherever it is packed
  excludes         = ["**/__pycache__/**", "**/*.pyc"]
}

resource "google_storage_bucket_object" "bundle" {
  # Named by its content: other code makes a new revision, the same code none.
  name   = "functions-${data.archive_file.bundle.output_sha256}.zip"
  bucket = google_storage_bucket.bundles.name
  source = data.archive_file.bundle.output_path
}

resource "google_artifact_registry_repository" "images" {
  #checkov:skip=CKV_GCP_84: Google's own encryption at rest is enough for images of public code

  location      = var.region
  repository_id = "quickthumb"
  description   = "Images that Cloud Build makes of functions/."
  format        = "DOCKER"

  cleanup_policies {
    id     = "keep-what-a-rollback-needs"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }
  cleanup_policies {
    id     = "delete-the-rest"
    action = "DELETE"
    condition {
      older_than = "2592000s"
    }
  }
}

locals {
  # Nobody gets past the domain's limits by the function's own URL.
  http_ingress = var.domain == "" ? "ALLOW_ALL" : "ALLOW_INTERNAL_AND_GCLB"
}

resource "google_cloudfunctions2_function" "function" {
  for_each = local.functions

  name     = each.key
  location = var.region

  build_config {
    runtime           = local.runtime
    entry_point       = each.value.entry_point
    service_account   = google_service_account.build.id
    docker_repository = google_artifact_registry_repository.images.id
    source {
      storage_source {
        bucket = google_storage_bucket.bundles.name
        object = google_storage_bucket_object.bundle.name
      }
    }
  }

  service_config {
    available_memory                 = each.value.memory
    available_cpu                    = each.value.cpu
    max_instance_request_concurrency = each.value.concurrency
    timeout_seconds                  = each.value.timeout_seconds
    min_instance_count               = each.value.min_instances
    max_instance_count               = each.value.max_instances
    environment_variables            = each.value.environment
    service_account_email            = google_service_account.function[each.key].email
    # Calls of the same project's Pub/Sub and Cloud Scheduler count as internal:
    # https://docs.cloud.google.com/run/docs/securing/ingress
    ingress_settings               = each.value.trigger == "http" ? local.http_ingress : "ALLOW_INTERNAL_ONLY"
    all_traffic_on_latest_revision = true
  }

  # A new revision may be called the moment it is there, so what it may do comes first.
  depends_on = [
    google_artifact_registry_repository_iam_member.build,
    google_project_iam_member.build_logs,
    google_project_iam_member.build_sources,
    google_pubsub_topic_iam_member.publish,
    google_storage_bucket_iam_member.build,
    google_storage_bucket_iam_member.function,
  ]
}
