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

resource "google_storage_bucket" "bundles" {
  #checkov:skip=CKV_GCP_62: only the deployer writes here, and that is in the audit log of the deployment
  #checkov:skip=CKV_GCP_78: bundles are named by their content, so that one is never changed

  name                        = "${var.project}-quickthumb-bundles"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # what is in it is built from the repository
}
