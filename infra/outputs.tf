output "urls" {
  description = "Where each function that is called over HTTP is reached."
  value = {
    for name, _ in local.http_functions : name =>
    var.domain == "" ? google_cloudfunctions2_function.function[name].service_config[0].uri : "https://${var.domain}"
  }
}

output "audiences" {
  description = "What an identity token for such a function must be made out to: its own URL, also behind a domain."
  value       = { for name, _ in local.http_functions : name => google_cloudfunctions2_function.function[name].service_config[0].uri }
}

output "address" {
  description = "IPv4 address for the A record of the domain; null without one."
  value       = one(module.front[*].address)
}

output "services" {
  description = "Names of the Cloud Run services behind the functions, whose traffic a rollback moves."
  value       = keys(local.functions)
}

output "buckets" {
  description = "Full name of each bucket."
  value       = { for name, bucket in google_storage_bucket.bucket : name => bucket.name }
}

output "accounts" {
  description = "Service account of each function."
  value       = { for name, account in google_service_account.function : name => account.email }
}
