# The account that cloudbuild.yaml runs as, if it is wanted.

locals {
  deployer = var.deployer ? { deployer = {} } : {}

  deployer_roles = {
    "roles/artifactregistry.reader"           = "to see whether an image is there"
    "roles/cloudbuild.builds.editor"          = "to have one built"
    "roles/cloudscheduler.admin"              = "schedules"
    "roles/iam.roleAdmin"                     = "the roles for blobs"
    "roles/iam.serviceAccountAdmin"           = "the functions' accounts, and who may act as them"
    "roles/iam.serviceAccountUser"            = "to run functions and builds as their accounts"
    "roles/logging.configWriter"              = "what is left out of the log"
    "roles/logging.logWriter"                 = "the log of the build itself"
    "roles/monitoring.editor"                 = "alerts, the objective, the uptime check, the dashboard"
    "roles/pubsub.admin"                      = "topics and subscriptions, and who may use them"
    "roles/run.admin"                         = "functions, their traffic, and who may call them"
    "roles/serviceusage.serviceUsageConsumer" = "to use the project's APIs from gcloud"
    "roles/storage.admin"                     = "buckets, who may use them, and the state of Terraform"
  }
}

resource "google_service_account" "deployer" {
  for_each = local.deployer

  account_id   = "quickthumb-deployer"
  display_name = "QuickThumb: deploys from Cloud Build"

  depends_on = [time_sleep.apis]
}

resource "google_project_iam_member" "deployer" {
  for_each = var.deployer ? local.deployer_roles : {}

  project = var.project
  role    = each.key
  member  = google_service_account.deployer["deployer"].member
}

# For the token with which it calls what it has deployed.
resource "google_service_account_iam_member" "deployer" {
  for_each = local.deployer

  service_account_id = google_service_account.deployer[each.key].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = google_service_account.deployer[each.key].member
}
