# These wait for the grants to propagate, so whoever reads them can rely on the grants.

output "repository" {
  description = "Repository of the functions' images."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.name}"
  depends_on  = [time_sleep.grants]
}

output "builder" {
  description = "Account that builds images."
  value       = google_service_account.build.email
  depends_on  = [time_sleep.grants]
}

output "deployer" {
  description = "Account for cloudbuild.yaml; null without one."
  value       = one([for account in google_service_account.deployer : account.email])
  depends_on  = [time_sleep.grants]
}
