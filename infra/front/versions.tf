terraform {
  required_providers {
    google = {
      source = "hashicorp/google" # version pinned by the root module
    }
  }
}
