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
  description = "Region of functions, buckets and images."
  type        = string
  default     = "europe-west1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region: expected a region such as europe-west1."
  }
}

variable "image" {
  description = "Image of the functions, instead of the one built from functions/."
  type        = string
  default     = null
}

variable "public" {
  description = "Whether anyone may call the functions with an HTTP trigger, rather than `callers` only."
  type        = bool
  default     = false
  nullable    = false
}

variable "callers" {
  description = "IAM members that may call the functions with an HTTP trigger: user:…, group:…, serviceAccount:…"
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for member in var.callers : can(regex("^(user|group|serviceAccount|domain):.+$", member))])
    error_message = "callers: expected members starting with user:, group:, serviceAccount: or domain:. To let anyone call, set public = true."
  }
}

variable "secrets" {
  description = "Settings of functions with an HTTP trigger that are secrets of Secret Manager: { QUICKTHUMB_SIGNING_KEYS = \"signing-keys\" }."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^QUICKTHUMB_[A-Z_]+$", name))])
    error_message = "secrets: expected settings that start with QUICKTHUMB_ as keys."
  }
  validation {
    condition     = alltrue([for secret in values(var.secrets) : can(regex("^[A-Za-z0-9_-]{1,255}$", secret))])
    error_message = "secrets: expected the names of secrets in this project, not their values."
  }
}

variable "delete_after_days" {
  description = "Retention of blobs in days, by bucket, overriding the topology: { originals = 7 }."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for days in values(var.delete_after_days) : days >= 1 && floor(days) == days])
    error_message = "delete_after_days: expected whole days, 1 or more, for each bucket."
  }
  validation {
    condition     = alltrue([for name in keys(var.delete_after_days) : contains(local.bucket_names, name)])
    error_message = "delete_after_days: expected names of buckets as in topology.yaml: ${join(", ", local.bucket_names)}."
  }
  validation {
    # `sweep` treats an original without results as a lost job and publishes it again.
    condition = try(var.delete_after_days.processed >= min(
      try(var.delete_after_days.originals, local.days_kept.originals),
      coalesce(var.drop_originals_after_days, 1000000),
    ), true)
    error_message = "delete_after_days: expected `processed` to be kept at least as long as originals: sweep recreates results that are missing."
  }
}

variable "drop_originals_after_days" {
  description = "Days after which the original of a finished upload is deleted; null for `delete_after_days`."
  type        = number
  default     = null

  validation {
    condition     = var.drop_originals_after_days == null ? true : var.drop_originals_after_days >= 1 / 24
    error_message = "drop_originals_after_days: expected at least 1/24 (an hour), or null."
  }
}

variable "soft_delete_days" {
  description = "Days for which a deleted blob can be restored, and is paid for; 0 deletes immediately."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.soft_delete_days == 0 || (var.soft_delete_days >= 7 && var.soft_delete_days <= 90)
    error_message = "soft_delete_days: expected 0, or 7 to 90 days, as Cloud Storage requires."
  }
}

variable "dead_letter_days" {
  description = "Retention of dead-letter topics in days, since they may have no subscription."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.dead_letter_days >= 1 && var.dead_letter_days <= 31
    error_message = "dead_letter_days: expected 1 to 31 days, as Pub/Sub requires."
  }
}

variable "domain" {
  description = "Domain such as thumbs.example.com, served by a load balancer with a cache; empty for none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.domain == "" || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "domain: expected a name such as thumbs.example.com, without https://."
  }
}

variable "requests_per_minute" {
  description = "Requests per minute and client address of the domain; requests answered by the cache do not count."
  type        = number
  default     = 600
  nullable    = false

  validation {
    condition     = var.requests_per_minute >= 1 && var.requests_per_minute <= 10000
    error_message = "requests_per_minute: expected 1 to 10000."
  }
}

variable "cache_seconds" {
  description = "How long the domain's cache may serve a thumbnail, even after it was deleted."
  type        = number
  default     = 3600
  nullable    = false

  validation {
    condition     = var.cache_seconds >= 1 && var.cache_seconds <= 31536000
    error_message = "cache_seconds: expected 1 to 31536000, a year."
  }
}

variable "deletion_allowed" {
  description = "Whether `terraform destroy` may delete functions and non-empty buckets."
  type        = bool
  default     = false
  nullable    = false
}

variable "alert_email" {
  description = "Email address for alerts; empty for none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.alert_email == "" || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alert_email))
    error_message = "alert_email: expected an address such as me@example.com."
  }
}

variable "notification_channels" {
  description = "Further notification channels for alerts, by full name: projects/…/notificationChannels/…"
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", name))])
    error_message = "notification_channels: expected full names: projects/…/notificationChannels/…"
  }
}

variable "budget" {
  description = "Monthly budget of which the notification channels are told: { billing_account = \"0X0X0X-0X0X0X-0X0X0X\", amount = 50 }, in whole units of the account's currency; null for no budget."
  type        = object({ billing_account = string, amount = number })
  default     = null

  validation {
    condition     = var.budget == null ? true : can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account))
    error_message = "budget: expected a billing_account such as 0X0X0X-0X0X0X-0X0X0X: see `gcloud billing accounts list`."
  }
  validation {
    condition     = var.budget == null ? true : var.budget.amount >= 1 && floor(var.budget.amount) == var.budget.amount
    error_message = "budget: expected an amount of 1 or more, in whole units of the account's currency."
  }
}

variable "availability_goal" {
  description = "Share of requests that must succeed without a server error, over 28 days."
  type        = number
  default     = 0.995
  nullable    = false

  validation {
    condition     = var.availability_goal >= 0.5 && var.availability_goal <= 0.9999
    error_message = "availability_goal: expected a share between 0.5 and 0.9999."
  }
}

variable "request_log_share" {
  description = "Share of successful requests to keep in the log; failed ones are always kept."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.request_log_share >= 0 && var.request_log_share <= 1
    error_message = "request_log_share: expected a share between 0 and 1."
  }
}

variable "labels" {
  description = "Labels of all resources that support them."
  type        = map(string)
  default     = { app = "quickthumb" }
  nullable    = false
}
