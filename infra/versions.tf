terraform {
  required_version = ">= 1.9.0, < 2.0.0" # the first in which a validation may refer to other variables

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "6.50.0"
    }
  }

  # The bucket is named at `terraform init -backend-config=bucket=…`, since a backend takes no variables.
  backend "gcs" {
    prefix = "quickthumb"
  }
}
