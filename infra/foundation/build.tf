# The image repository and the account that builds images. The build runs code from the internet, so it has a
# dedicated account instead of the project's default one, which is an editor in many projects.

resource "google_artifact_registry_repository" "images" {
  #checkov:skip=CKV_GCP_84: Google's own encryption at rest is enough for images of public code

  location      = var.region
  repository_id = "quickthumb"
  description   = "Images that Cloud Build builds from functions/."
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

  depends_on = [time_sleep.apis]
}

resource "google_storage_bucket" "sources" {
  #checkov:skip=CKV_GCP_62: only deployers write here, and that is in the audit log of the deployment
  #checkov:skip=CKV_GCP_78: sources are named by their content, so none is ever changed

  name                        = "${var.project}-quickthumb-sources"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # its content can be recreated from the repository

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 7
    }
  }

  depends_on = [time_sleep.apis]
}

resource "google_service_account" "build" {
  account_id   = "quickthumb-build"
  display_name = "QuickThumb: image builds"

  depends_on = [time_sleep.apis]
}

resource "google_project_iam_member" "build_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

resource "google_storage_bucket_iam_member" "build" {
  bucket = google_storage_bucket.sources.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}

resource "google_artifact_registry_repository_iam_member" "build" {
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

# Grants take a minute or so to propagate, and a build that starts earlier is denied:
# https://docs.cloud.google.com/iam/docs/access-change-propagation
resource "time_sleep" "grants" {
  create_duration = "120s"
  triggers = {
    builder = join(" ", [
      google_project_iam_member.build_logs.id,
      google_storage_bucket_iam_member.build.id,
      google_artifact_registry_repository_iam_member.build.id,
    ])
    deployer = join(" ", [for grant in google_project_iam_member.deployer : grant.id])
  }
}
