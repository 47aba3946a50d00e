variable "project" {
  description = "Id of the Google Cloud project that everything is made in."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project: expected the id of a project: 6 to 30 lower case letters, digits and hyphens."
  }
}

variable "region" {
  description = "Where images and sources are: the region of the functions."
  type        = string
  default     = "europe-west1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region: expected the name of a region such as europe-west1."
  }
}

variable "enable_apis" {
  description = "Whether to enable the APIs; false where a platform team does that."
  type        = bool
  default     = true
  nullable    = false
}

variable "more_apis" {
  description = "APIs to enable beside those that every deployment needs: compute.googleapis.com for a domain, billingbudgets.googleapis.com for a budget."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for api in var.more_apis : endswith(api, ".googleapis.com")])
    error_message = "more_apis: expected names such as compute.googleapis.com."
  }
}

variable "deployer" {
  description = "Whether to make the account that cloudbuild.yaml deploys as."
  type        = bool
  default     = false
  nullable    = false
}

variable "labels" {
  description = "Labels of everything that takes labels."
  type        = map(string)
  default     = { app = "quickthumb" }
  nullable    = false
}
