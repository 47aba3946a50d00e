locals {
  # How release.py calls a new revision that has no traffic yet.
  candidate = { tag = "candidate", header = "X-QuickThumb-Revision" }
}

# The way in under a domain of one's own, if one is named.
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
