# A load balancer in front of a Cloud Run service: a domain with TLS, a cache, and a rate limit per client address.

resource "google_compute_global_address" "this" {
  name = var.name
  # Without the domain's name: changing the description replaces the address.
  description = "A record of the domain of ${var.name}."
}

resource "google_compute_region_network_endpoint_group" "service" {
  name                  = var.name
  region                = var.region
  network_endpoint_type = "SERVERLESS"
  cloud_run {
    service = var.service
  }
}

resource "google_compute_security_policy" "limit" {
  #checkov:skip=CKV_GCP_73: the required rule protects Log4j, and there is no Java behind this

  name        = var.name
  description = "At most ${var.requests_per_minute} uncached requests per minute and client address."

  rule {
    action      = "throttle"
    priority    = 1000
    description = "Rate limit per client address."
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
    rate_limit_options {
      enforce_on_key = "IP"
      conform_action = "allow"
      exceed_action  = "deny(429)"
      rate_limit_threshold {
        count        = var.requests_per_minute
        interval_sec = 60
      }
    }
  }

  rule {
    action      = "allow"
    priority    = 2147483647
    description = "Mandatory default rule; the rule above matches everything."
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
  }
}

resource "google_compute_backend_service" "service" {
  name                  = var.name
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"
  security_policy       = google_compute_security_policy.limit.id
  enable_cdn            = true

  backend {
    group = google_compute_region_network_endpoint_group.service.id
  }

  # Thumbnails never change, but a cache does not notice a DELETE, so its entries expire. Everything else that
  # the service returns has headers that forbid caching.
  cdn_policy {
    cache_mode       = "CACHE_ALL_STATIC"
    default_ttl      = 0
    max_ttl          = var.cache_seconds
    client_ttl       = var.cache_seconds
    negative_caching = false
    cache_key_policy {
      include_host           = true
      include_protocol       = true
      include_query_string   = true
      query_string_blacklist = ["wait"] # does not change the thumbnail
    }
  }

  log_config {
    enable      = true
    sample_rate = 1
  }
}

# A certificate cannot change its domain, nor be deleted while the proxy uses it. So its name depends on the
# domain, and the proxy switches to the new one before the old one is deleted.
resource "google_compute_managed_ssl_certificate" "this" {
  name = "${var.name}-${substr(sha256(var.domain), 0, 8)}"
  managed {
    domains = [var.domain]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_ssl_policy" "this" {
  name            = var.name
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"
}

# A new revision under trial has a tag and no traffic. Requests with a header reach it here, since the service's
# own URLs reject outside requests.

resource "google_compute_region_network_endpoint_group" "candidate" {
  name                  = "${var.name}-candidate"
  region                = var.region
  network_endpoint_type = "SERVERLESS"
  cloud_run {
    service = var.service
    tag     = var.candidate.tag
  }
}

resource "google_compute_backend_service" "candidate" {
  name                  = "${var.name}-candidate"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"
  security_policy       = google_compute_security_policy.limit.id

  backend {
    group = google_compute_region_network_endpoint_group.candidate.id
  }

  log_config {
    enable      = true
    sample_rate = 1
  }
}

resource "google_compute_url_map" "https" {
  name            = var.name
  default_service = google_compute_backend_service.service.id

  host_rule {
    hosts        = ["*"]
    path_matcher = "revisions"
  }
  path_matcher {
    name            = "revisions"
    default_service = google_compute_backend_service.service.id
    route_rules {
      priority = 1
      service  = google_compute_backend_service.candidate.id
      match_rules {
        prefix_match = "/"
        header_matches {
          header_name = var.candidate.header
          exact_match = var.candidate.tag
        }
      }
    }
  }
}

resource "google_compute_target_https_proxy" "this" {
  name             = var.name
  url_map          = google_compute_url_map.https.id
  ssl_certificates = [google_compute_managed_ssl_certificate.this.id]
  ssl_policy       = google_compute_ssl_policy.this.id
}

resource "google_compute_global_forwarding_rule" "https" {
  name                  = "${var.name}-https"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.this.id
  port_range            = "443"
  target                = google_compute_target_https_proxy.this.id
}

resource "google_compute_url_map" "http" {
  name = "${var.name}-http"
  default_url_redirect {
    https_redirect         = true
    redirect_response_code = "PERMANENT_REDIRECT" # 308 keeps the method
    strip_query            = false
  }
}

resource "google_compute_target_http_proxy" "this" {
  name    = var.name
  url_map = google_compute_url_map.http.id
}

resource "google_compute_global_forwarding_rule" "http" {
  name                  = "${var.name}-http"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.this.id
  port_range            = "80"
  target                = google_compute_target_http_proxy.this.id
}
