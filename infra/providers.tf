provider "google" {
  project        = var.project
  region         = var.region
  default_labels = var.labels

  # The API of budgets wants to know whose quota a call counts against.
  billing_project       = var.budget == null ? null : var.project
  user_project_override = var.budget != null
}
