output "address" {
  description = "IPv4 address for the A record of the domain."
  value       = google_compute_global_address.this.address
}
