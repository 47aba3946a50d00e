locals {
  apis = setunion(var.more_apis, toset([
    "artifactregistry.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "storage.googleapis.com",
  ]))
}

resource "google_project_service" "api" {
  for_each = var.enable_apis ? local.apis : toset([])

  service            = each.key
  disable_on_destroy = false # other workloads in the project may use it
}

# A newly enabled API rejects calls for a while.
resource "time_sleep" "apis" {
  create_duration = "60s"
  triggers        = { apis = join(" ", [for api in google_project_service.api : api.service]) }
}
