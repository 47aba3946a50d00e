# Permissions. Every function has its own service account, with roles on individual buckets and topics. Names are
# those of topology.yaml.

locals {
  # The calls in the code, and the permission that each requires
  # (https://docs.cloud.google.com/storage/docs/access-control/iam-json):
  #   read, fetch, stat -> get; walk -> list; delete -> delete; create, begin -> create;
  #   write      -> create, and delete for the replaced blob.
  # Each also has list: without it, a missing blob may be a 403 instead of a 404, and the code could not
  # distinguish "not yet" from "not allowed". No predefined role fits: objectUser adds update, move and folders;
  # objectViewer with objectCreator lacks delete.
  storage_permissions = {
    reader   = ["storage.objects.get", "storage.objects.list"]
    remover  = ["storage.objects.delete", "storage.objects.get", "storage.objects.list"]
    appender = ["storage.objects.create", "storage.objects.get", "storage.objects.list"]
    keeper   = ["storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list"]
  }

  access = {
    upload = {
      buckets = { originals = "keeper", processed = "keeper", requests = "appender" }
      topics  = ["uploads"]
    }
    resize = {
      buckets = { originals = "reader", processed = "keeper" }
      topics  = ["completed"]
    }
    bury = {
      buckets = { originals = "reader", processed = "keeper" }
      topics  = ["completed"]
    }
    sweep = {
      buckets = { originals = "remover", processed = "keeper" }
      topics  = ["completed", "uploads"]
    }
  }

  bucket_access = merge([
    for function, access in local.access : {
      for bucket, role in access.buckets :
      "${function}-${bucket}" => { function = function, bucket = bucket, role = role }
    }
  ]...)

  topic_access = merge([
    for function, access in local.access : {
      for topic in access.topics : "${function}-${topic}" => { function = function, topic = topic }
    }
  ]...)

  # A public function does not check callers.
  http_callers = {
    for pair in setproduct(keys(local.http_functions), var.public ? [] : var.callers) :
    "${pair[0]} ${pair[1]}" => { function = pair[0], member = pair[1] }
  }

  http_secrets = {
    for pair in setproduct(keys(local.http_functions), keys(var.secrets)) :
    "${pair[0]} ${pair[1]}" => { function = pair[0], secret = var.secrets[pair[1]] }
  }

  pubsub_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

data "google_project" "this" {
  project_id = var.project
}

resource "google_service_account" "function" {
  for_each = local.functions

  account_id   = "quickthumb-${each.key}"
  display_name = "QuickThumb: function ${each.key}"
}

resource "google_project_iam_custom_role" "storage" {
  for_each = local.storage_permissions

  role_id     = "quickthumb.${each.key}"
  title       = "QuickThumb ${each.key}"
  description = "Blob permissions of QuickThumb's functions: ${each.key}."
  permissions = each.value
}

resource "google_storage_bucket_iam_member" "function" {
  for_each = local.bucket_access

  bucket = google_storage_bucket.bucket[each.value.bucket].name
  role   = google_project_iam_custom_role.storage[each.value.role].id
  member = google_service_account.function[each.value.function].member
}

resource "google_pubsub_topic_iam_member" "publish" {
  for_each = local.topic_access

  topic  = google_pubsub_topic.topic[each.value.topic].id
  role   = "roles/pubsub.publisher" # on a topic: pubsub.topics.publish and nothing else
  member = google_service_account.function[each.value.function].member
}

# The value of each of these secrets, and nothing else: https://docs.cloud.google.com/run/docs/configuring/services/secrets
resource "google_secret_manager_secret_iam_member" "function" {
  for_each = local.http_secrets

  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function[each.value.function].member
}

# Callers of the functions: https://docs.cloud.google.com/run/docs/securing/managing-access

resource "google_service_account" "push" {
  account_id   = "quickthumb-push"
  display_name = "QuickThumb: Pub/Sub pushes"
}

resource "google_cloud_run_v2_service_iam_member" "push" {
  for_each = local.pushed_functions

  location = var.region
  name     = google_cloud_run_v2_service.function[each.key].name
  role     = "roles/run.invoker"
  member   = google_service_account.push.member
}

resource "google_service_account" "schedule" {
  account_id   = "quickthumb-schedule"
  display_name = "QuickThumb: Cloud Scheduler calls"
}

resource "google_cloud_run_v2_service_iam_member" "schedule" {
  for_each = local.scheduled_functions

  location = var.region
  name     = google_cloud_run_v2_service.function[each.key].name
  role     = "roles/run.invoker"
  member   = google_service_account.schedule.member
}

resource "google_cloud_run_v2_service_iam_member" "caller" {
  for_each = local.http_callers

  location = var.region
  name     = google_cloud_run_v2_service.function[each.value.function].name
  role     = "roles/run.invoker"
  member   = each.value.member
}

# Pub/Sub's service agent signs pushes as the account above, and forwards dead letters
# (https://docs.cloud.google.com/pubsub/docs/dead-letter-topics#grant_forwarding_permissions).

resource "google_service_account_iam_member" "pubsub_signs" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = local.pubsub_agent
}

resource "google_pubsub_topic_iam_member" "dead_letters" {
  for_each = { for name, topic in local.topics : name => topic if topic.is_dead_letter }

  topic  = google_pubsub_topic.topic[each.key].id
  role   = "roles/pubsub.publisher"
  member = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "dead_letters" {
  for_each = { for name, subscription in local.subscriptions : name => subscription if subscription.dead_letter != null }

  subscription = google_pubsub_subscription.push[each.key].id
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

# Cloud Storage's service agent publishes bucket notifications:
# https://docs.cloud.google.com/storage/docs/reporting-changes#prereqs

data "google_storage_project_service_account" "this" {}

resource "google_pubsub_topic_iam_member" "notifications" {
  for_each = toset([for bucket in local.buckets : bucket.notify.topic if bucket.notify != null])

  topic  = google_pubsub_topic.topic[each.key].id
  role   = "roles/pubsub.publisher"
  member = data.google_storage_project_service_account.this.member
}
