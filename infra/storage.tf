resource "google_storage_bucket" "bucket" {
  #checkov:skip=CKV_GCP_62: Cloud Audit Logs record access, where enabled
  #checkov:skip=CKV_GCP_78: soft delete can restore deleted blobs, and blobs are never changed

  for_each = local.buckets

  name                        = each.value.name
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = var.deletion_allowed

  # Blobs are written once, or rewritten with the same bytes; manifests are replaced on purpose. So older versions are
  # never needed.
  versioning {
    enabled = false
  }

  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * 86400
  }

  dynamic "lifecycle_rule" {
    for_each = each.value.delete_after_days[*]
    content {
      action {
        type = "Delete"
      }
      condition {
        age = lifecycle_rule.value
      }
    }
  }
}

# Cloud Storage notifies of a created or replaced blob once it is complete:
# https://docs.cloud.google.com/storage/docs/pubsub-notifications
resource "google_storage_notification" "bucket" {
  for_each = { for name, bucket in local.buckets : name => bucket.notify if bucket.notify != null }

  bucket             = google_storage_bucket.bucket[each.key].name
  topic              = google_pubsub_topic.topic[each.value.topic].id
  object_name_prefix = each.value.prefix
  event_types        = ["OBJECT_FINALIZE"]
  payload_format     = "JSON_API_V1"

  # A notification requires permission to publish to its topic.
  depends_on = [google_pubsub_topic_iam_member.notifications]
}
