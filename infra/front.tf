locals {
  # How release.py reaches a new revision without traffic.
  candidate = { tag = "candidate", header = "X-QuickThumb-Revision" }
}

# The load balancer, if a domain is set.
module "front" {
  source = "./front"
  count  = var.domain == "" ? 0 : 1

  service             = google_cloud_run_v2_service.function[one(keys(local.http_functions))].name
  region              = var.region
  domain              = var.domain
  candidate           = local.candidate
  requests_per_minute = var.requests_per_minute
  cache_seconds       = var.cache_seconds
}
