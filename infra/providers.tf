provider "google" {
  project        = var.project
  region         = var.region
  default_labels = var.labels

  # The budget API requires a quota project.
  billing_project       = var.budget == null ? null : var.project
  user_project_override = var.budget != null
}
