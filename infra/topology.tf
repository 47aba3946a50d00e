# topology.yaml with resolved names. Nothing here needs a provider, so `terraform console` can render it without a
# cloud. Resources take their values from here only.

locals {
  topology = yamldecode(file("${path.module}/topology.yaml"))

  runtime = local.topology.runtime

  days_kept    = { for name, bucket in local.topology.buckets : name => try(bucket.delete_after_days, null) }
  bucket_names = keys(local.topology.buckets)

  buckets = {
    for name, bucket in local.topology.buckets : name => {
      name              = "${var.project}-${name}"
      delete_after_days = try(var.delete_after_days[name], local.days_kept[name])
      notify            = try(bucket.notify, null)
    }
  }

  topics = {
    for name, _ in local.topology.topics : name => {
      name           = name
      path           = "projects/${var.project}/topics/${name}"
      is_dead_letter = contains([for s in local.topology.subscriptions : try(s.dead_letter.topic, "")], name)
    }
  }

  functions = {
    for name, function in local.topology.functions : name => {
      entry_point     = function.entry_point
      trigger         = function.trigger
      memory          = function.memory
      cpu             = tostring(function.cpu)
      concurrency     = function.concurrency
      timeout_seconds = function.timeout_seconds
      min_instances   = function.min_instances
      max_instances   = function.max_instances
      environment = merge(
        {
          for variable, value in merge(local.topology.environment, function.environment) :
          variable => try(local.buckets[value.bucket].name, local.topics[value.topic].path, tostring(value))
        },
        # With one thread, functions-framework uses gunicorn's sync worker, which waits up to two seconds
        # after each response for the client to close a keep-alive connection.
        { THREADS = tostring(max(2, function.concurrency)) },
        var.drop_originals_after_days == null ? {} : { QUICKTHUMB_SWEEP_DROP_SECONDS = format("%.0f", var.drop_originals_after_days * 86400) },
      )
    }
  }

  subscriptions = {
    for name, subscription in local.topology.subscriptions : name => {
      topic                   = subscription.topic
      push_to                 = subscription.push_to
      ack_deadline_seconds    = subscription.ack_deadline_seconds
      minimum_backoff_seconds = subscription.minimum_backoff_seconds
      maximum_backoff_seconds = subscription.maximum_backoff_seconds
      dead_letter             = try(subscription.dead_letter, null)
    }
  }

  schedules = {
    for name, schedule in local.topology.schedules : name => {
      function = schedule.function
      cron     = schedule.cron
    }
  }

  http_functions      = { for name, function in local.functions : name => function if function.trigger == "http" }
  pushed_functions    = { for name, function in local.functions : name => function if function.trigger == "pubsub" }
  scheduled_functions = { for name, function in local.functions : name => function if function.trigger == "schedule" }
}
