variable "name" {
  description = "Name of what is made."
  type        = string
  default     = "quickthumb"
}

variable "service" {
  description = "Name of the Cloud Run service that answers; its ingress must allow load balancers."
  type        = string
}

variable "region" {
  description = "Where the service is."
  type        = string
}

variable "domain" {
  description = "Name under which it is reached, such as thumbs.example.com."
  type        = string
}

variable "candidate" {
  description = "Tag of a revision that is to be tried, and the header by whose value of that name calls ask for it."
  type        = object({ tag = string, header = string })
}

variable "requests_per_minute" {
  description = "Requests a minute that an address may send, those left out that the cache answers."
  type        = number
}

variable "cache_seconds" {
  description = "How long a thumbnail may be answered from the cache, also after it was deleted."
  type        = number
}
