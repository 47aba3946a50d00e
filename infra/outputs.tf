output "urls" {
  description = "URLs of the HTTP functions."
  value       = local.urls
}

output "audiences" {
  description = "Audience of identity tokens for each HTTP function: its own URL, even behind a domain."
  value       = { for name, _ in local.http_functions : name => google_cloud_run_v2_service.function[name].uri }
}

output "address" {
  description = "IPv4 address for the A record of the domain; null without one."
  value       = one(module.front[*].address)
}

output "release" {
  description = "What release.py needs to try new revisions and move traffic."
  value = {
    region    = var.region
    public    = var.public
    domain    = var.domain
    candidate = local.candidate
    triggers  = { for name, function in local.functions : name => function.trigger }
  }
}

output "buckets" {
  description = "Full names of the buckets."
  value       = { for name, bucket in google_storage_bucket.bucket : name => bucket.name }
}

output "accounts" {
  description = "Service accounts of the functions."
  value       = { for name, account in google_service_account.function : name => account.email }
}

locals {
  urls = {
    for name, _ in local.http_functions : name =>
    var.domain == "" ? google_cloud_run_v2_service.function[name].uri : "https://${var.domain}"
  }
}
