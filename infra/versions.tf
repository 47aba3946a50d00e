terraform {
  required_version = ">= 1.9.0, < 2.0.0" # first version in which validations can refer to other variables

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "6.50.0"
    }
  }

  # The bucket is passed to `terraform init -backend-config=bucket=…`, since backends cannot use variables.
  backend "gcs" {
    prefix = "quickthumb"
  }
}
