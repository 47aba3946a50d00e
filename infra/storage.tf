resource "google_storage_bucket" "bucket" {
  #checkov:skip=CKV_GCP_62: who reads and writes blobs is in Cloud Audit Logs, where those are enabled
  #checkov:skip=CKV_GCP_78: soft delete restores what was deleted; a blob is never changed

  for_each = local.buckets

  name                        = each.value.name
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = var.deletion_allowed

  # Blobs are written once or rewritten with the same bytes: an older version is never wanted.
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

# A blob that is written, or written anew, is told of once it is whole:
# https://docs.cloud.google.com/storage/docs/pubsub-notifications
resource "google_storage_notification" "bucket" {
  for_each = { for name, bucket in local.buckets : name => bucket.notify if bucket.notify != null }

  bucket             = google_storage_bucket.bucket[each.key].name
  topic              = google_pubsub_topic.topic[each.value.topic].id
  object_name_prefix = each.value.prefix
  event_types        = ["OBJECT_FINALIZE"]
  payload_format     = "JSON_API_V1"

  # Cloud Storage refuses to notify a topic to which it may not publish.
  depends_on = [google_pubsub_topic_iam_member.notifications]
}
