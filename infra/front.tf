# The way in under a domain of one's own, if one is named.
module "front" {
  source = "./front"
  count  = var.domain == "" ? 0 : 1

  service             = google_cloudfunctions2_function.function[one(keys(local.http_functions))].name
  region              = var.region
  domain              = var.domain
  requests_per_minute = var.requests_per_minute
  cache_seconds       = var.cache_seconds
}
