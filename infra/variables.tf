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
  description = "Where functions, buckets and images are."
  type        = string
  default     = "europe-west1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region: expected the name of a region such as europe-west1."
  }
}

variable "image" {
  description = "Image of the functions, where it is to be another than that of functions/ as it lies here."
  type        = string
  default     = null
}

variable "public" {
  description = "Whether anyone may call the functions with an HTTP trigger; otherwise only `callers` may."
  type        = bool
  default     = false
  nullable    = false
}

variable "callers" {
  description = "Who may call the functions with an HTTP trigger, as IAM members: user:…, group:…, serviceAccount:…"
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for member in var.callers : can(regex("^(user|group|serviceAccount|domain):.+$", member))])
    error_message = "callers: expected members that begin with user:, group:, serviceAccount: or domain:. To let anyone call, set public = true."
  }
}

variable "delete_after_days" {
  description = "Days that blobs are kept, by bucket, where it is to be others than the topology says: { originals = 7 }."
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
    # An original without results is one whose job was lost: `sweep` has them made again.
    condition = try(var.delete_after_days.processed >= min(
      try(var.delete_after_days.originals, local.days_kept.originals),
      coalesce(var.drop_originals_after_days, 1000000),
    ), true)
    error_message = "delete_after_days: expected `processed` to be kept no shorter than originals are: sweep makes results again that an original lacks."
  }
}

variable "drop_originals_after_days" {
  description = "Days after which the original of an upload whose thumbnails are made is deleted; null leaves it to `delete_after_days`."
  type        = number
  default     = null

  validation {
    condition     = var.drop_originals_after_days == null ? true : var.drop_originals_after_days >= 1 / 24
    error_message = "drop_originals_after_days: expected a 24th (an hour) or more, or null."
  }
}

variable "soft_delete_days" {
  description = "Days that a deleted blob can be restored and is paid for; 0 deletes at once."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.soft_delete_days == 0 || (var.soft_delete_days >= 7 && var.soft_delete_days <= 90)
    error_message = "soft_delete_days: expected 0, or 7 to 90 days, which is what Cloud Storage takes."
  }
}

variable "dead_letter_days" {
  description = "Days that a topic of dead letters keeps its messages, since nothing may subscribe to it."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.dead_letter_days >= 1 && var.dead_letter_days <= 31
    error_message = "dead_letter_days: expected 1 to 31 days, which is what Pub/Sub takes."
  }
}

variable "domain" {
  description = "Name such as thumbs.example.com under which a load balancer with a cache takes all calls; empty for none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.domain == "" || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "domain: expected a name such as thumbs.example.com, without https://."
  }
}

variable "requests_per_minute" {
  description = "Requests a minute that one address may send to the domain, those left out that the cache answers."
  type        = number
  default     = 600
  nullable    = false

  validation {
    condition     = var.requests_per_minute >= 1 && var.requests_per_minute <= 10000
    error_message = "requests_per_minute: expected 1 to 10000."
  }
}

variable "cache_seconds" {
  description = "How long the domain's cache may answer with a thumbnail, also after it was deleted."
  type        = number
  default     = 3600
  nullable    = false

  validation {
    condition     = var.cache_seconds >= 1 && var.cache_seconds <= 31536000
    error_message = "cache_seconds: expected 1 to 31536000, a year."
  }
}

variable "deletion_allowed" {
  description = "Whether `terraform destroy` may delete buckets that still have blobs."
  type        = bool
  default     = false
  nullable    = false
}

variable "alert_email" {
  description = "Address that is told of alerts; empty for none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.alert_email == "" || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alert_email))
    error_message = "alert_email: expected an address such as me@example.com."
  }
}

variable "notification_channels" {
  description = "Who else is told of an alert: full names of notification channels, projects/…/notificationChannels/…"
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", name))])
    error_message = "notification_channels: expected full names: projects/…/notificationChannels/…"
  }
}

variable "budget" {
  description = "What a month may cost before those who are told of alerts are told: { billing_account = \"0X0X0X-0X0X0X-0X0X0X\", amount = 50 }, in whole units of the account's currency; null for no budget."
  type        = object({ billing_account = string, amount = number })
  default     = null

  validation {
    condition     = var.budget == null ? true : can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account))
    error_message = "budget: expected a billing_account such as 0X0X0X-0X0X0X-0X0X0X: `gcloud billing accounts list` has them."
  }
  validation {
    condition     = var.budget == null ? true : var.budget.amount >= 1 && floor(var.budget.amount) == var.budget.amount
    error_message = "budget: expected an amount of 1 or more, in whole units of the account's currency."
  }
}

variable "availability_goal" {
  description = "Share of requests that must not be answered with a server error, over 28 days."
  type        = number
  default     = 0.995
  nullable    = false

  validation {
    condition     = var.availability_goal >= 0.5 && var.availability_goal <= 0.9999
    error_message = "availability_goal: expected a share of 0.5 to 0.9999."
  }
}

variable "request_log_share" {
  description = "Share of the log of successful requests that is kept; failed ones are kept all."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.request_log_share >= 0 && var.request_log_share <= 1
    error_message = "request_log_share: expected a share of 0 to 1."
  }
}

variable "labels" {
  description = "Labels of everything that takes labels."
  type        = map(string)
  default     = { app = "quickthumb" }
  nullable    = false
}
