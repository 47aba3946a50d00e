# The account that cloudbuild.yaml runs as, if requested.

locals {
  deployer = var.deployer ? { deployer = {} } : {}

  deployer_roles = {
    "roles/artifactregistry.reader"           = "check whether an image exists"
    "roles/cloudbuild.builds.editor"          = "build images"
    "roles/cloudscheduler.admin"              = "schedules"
    "roles/iam.roleAdmin"                     = "custom roles for blobs"
    "roles/iam.serviceAccountAdmin"           = "service accounts, and who may act as them"
    "roles/iam.serviceAccountUser"            = "run functions and builds as their accounts"
    "roles/logging.configWriter"              = "log exclusions"
    "roles/logging.logWriter"                 = "the log of the build itself"
    "roles/monitoring.editor"                 = "alerts, the objective, the uptime check, the dashboard"
    "roles/pubsub.admin"                      = "topics and subscriptions, and access to them"
    "roles/run.admin"                         = "functions, their traffic, and access to them"
    "roles/serviceusage.serviceUsageConsumer" = "use the project's APIs from gcloud"
    "roles/storage.admin"                     = "buckets, access to them, and Terraform's state"
  }
}

resource "google_service_account" "deployer" {
  for_each = local.deployer

  account_id   = "quickthumb-deployer"
  display_name = "QuickThumb: deployments from Cloud Build"

  depends_on = [time_sleep.apis]
}

resource "google_project_iam_member" "deployer" {
  for_each = var.deployer ? local.deployer_roles : {}

  project = var.project
  role    = each.key
  member  = google_service_account.deployer["deployer"].member
}

# For the token with which it calls the functions that it has deployed.
resource "google_service_account_iam_member" "deployer" {
  for_each = local.deployer

  service_account_id = google_service_account.deployer[each.key].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = google_service_account.deployer[each.key].member
}
