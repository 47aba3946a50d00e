variable "name" {
  description = "Name of the resources."
  type        = string
  default     = "quickthumb"
}

variable "service" {
  description = "Name of the Cloud Run service; its ingress must allow load balancers."
  type        = string
}

variable "region" {
  description = "Region of the service."
  type        = string
}

variable "domain" {
  description = "Domain, such as thumbs.example.com."
  type        = string
}

variable "candidate" {
  description = "Tag of the revision under trial, and the header that selects it when its value is the tag."
  type        = object({ tag = string, header = string })
}

variable "requests_per_minute" {
  description = "Requests per minute and client address; requests answered by the cache do not count."
  type        = number
}

variable "cache_seconds" {
  description = "How long the cache may serve a thumbnail, even after it was deleted."
  type        = number
}
