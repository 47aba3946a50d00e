output "urls" {
  description = "Where each function that is called over HTTP is reached."
  value       = local.urls
}

output "audiences" {
  description = "What an identity token for such a function must be made out to: its own URL, also behind a domain."
  value       = { for name, _ in local.http_functions : name => google_cloud_run_v2_service.function[name].uri }
}

output "address" {
  description = "IPv4 address for the A record of the domain; null without one."
  value       = one(module.front[*].address)
}

output "release" {
  description = "What release.py has to know to try new revisions and to move traffic."
  value = {
    region    = var.region
    public    = var.public
    domain    = var.domain
    candidate = local.candidate
    triggers  = { for name, function in local.functions : name => function.trigger }
  }
}

output "buckets" {
  description = "Full name of each bucket."
  value       = { for name, bucket in google_storage_bucket.bucket : name => bucket.name }
}

output "accounts" {
  description = "Service account of each function."
  value       = { for name, account in google_service_account.function : name => account.email }
}

locals {
  urls = {
    for name, _ in local.http_functions : name =>
    var.domain == "" ? google_cloud_run_v2_service.function[name].uri : "https://${var.domain}"
  }
}
