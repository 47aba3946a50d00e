terraform {
  required_version = ">= 1.9.0, < 2.0.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "6.50.0"
    }
    time = {
      source  = "hashicorp/time"
      version = "0.13.1"
    }
  }

  # The bucket is passed to `terraform init -backend-config=bucket=…`, since backends cannot use variables.
  backend "gcs" {
    prefix = "quickthumb-foundation"
  }
}

provider "google" {
  project        = var.project
  region         = var.region
  default_labels = var.labels
}
