variable "project" {
  description = "Google Cloud project id."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project: expected a project id: 6 to 30 lowercase letters, digits and hyphens."
  }
}

variable "region" {
  description = "Region of images and sources: that of the functions."
  type        = string
  default     = "europe-west1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region: expected a region such as europe-west1."
  }
}

variable "enable_apis" {
  description = "Whether to enable the APIs; false if a platform team does that."
  type        = bool
  default     = true
  nullable    = false
}

variable "more_apis" {
  description = "APIs to enable in addition to those that every deployment needs: compute.googleapis.com for a domain, billingbudgets.googleapis.com for a budget."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for api in var.more_apis : endswith(api, ".googleapis.com")])
    error_message = "more_apis: expected names such as compute.googleapis.com."
  }
}

variable "deployer" {
  description = "Whether to create the account that cloudbuild.yaml deploys as."
  type        = bool
  default     = false
  nullable    = false
}

variable "labels" {
  description = "Labels of all resources that support them."
  type        = map(string)
  default     = { app = "quickthumb" }
  nullable    = false
}
