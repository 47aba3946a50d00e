terraform {
  required_providers {
    google = {
      source = "hashicorp/google" # of the version that the root pins
    }
  }
}
