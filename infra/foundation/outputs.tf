# What may be used once the grants are known, so these wait for it.

output "repository" {
  description = "Where images of the functions are kept."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.name}"
  depends_on  = [time_sleep.grants]
}

output "builder" {
  description = "Account that builds them."
  value       = google_service_account.build.email
  depends_on  = [time_sleep.grants]
}

output "deployer" {
  description = "Account for cloudbuild.yaml; null if there is none."
  value       = one([for account in google_service_account.deployer : account.email])
  depends_on  = [time_sleep.grants]
}
