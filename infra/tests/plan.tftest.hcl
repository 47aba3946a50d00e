# Run with `terraform init -backend=false && terraform test` in infra/. No cloud is touched: the
# provider is a mock, and the topology is the project's own.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789" }
  }
}

variables {
  project     = "quickthumb-test"
  alert_email = "on-call@example.com"
}

run "private_by_default" {
  command = plan

  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.caller) == 0
    error_message = "Somebody may call the functions although nobody was named."
  }
  assert {
    condition     = alltrue([for function in google_cloud_run_v2_service.function : !function.invoker_iam_disabled])
    error_message = "A function does not ask who calls it."
  }
  assert {
    condition     = alltrue([for bucket in google_storage_bucket.bucket : bucket.public_access_prevention == "enforced" && bucket.uniform_bucket_level_access])
    error_message = "A bucket could be made public."
  }
  assert {
    condition     = toset(keys(google_cloud_run_v2_service.function)) == toset(keys(local.topology.functions))
    error_message = "Functions and topology differ."
  }
  assert {
    condition = alltrue([
      for name, function in google_cloud_run_v2_service.function :
      function.ingress == (local.functions[name].trigger == "http" ? "INGRESS_TRAFFIC_ALL" : "INGRESS_TRAFFIC_INTERNAL_ONLY")
    ])
    error_message = "A function that only Pub/Sub calls can be reached from outside."
  }
  assert {
    condition     = alltrue([for name, _ in local.pushed_functions : contains(keys(google_cloud_run_v2_service_iam_member.push), name)])
    error_message = "Pub/Sub may not call a function that it pushes to."
  }
}

run "public_when_asked" {
  command = plan

  variables {
    public  = true
    callers = ["user:someone@example.com"]
  }

  assert {
    condition     = toset([for name, function in google_cloud_run_v2_service.function : name if function.invoker_iam_disabled]) == toset(keys(local.http_functions))
    error_message = "Not exactly the functions with an HTTP trigger are public."
  }
  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.caller) == 0
    error_message = "Callers are named where nobody is asked who they are."
  }
}

run "behind_a_domain" {
  command = plan

  variables {
    domain = "thumbs.example.com"
  }

  assert {
    condition     = length(module.front) == 1
    error_message = "There is no load balancer for the domain."
  }
  assert {
    condition     = alltrue([for name, _ in local.http_functions : google_cloud_run_v2_service.function[name].ingress == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"])
    error_message = "A function can be reached past the limits of its domain."
  }
  assert {
    condition     = output.urls["upload"] == "https://thumbs.example.com"
    error_message = "The function is not told of by its domain."
  }
}

run "only_named_callers" {
  command = plan

  variables {
    callers = ["allUsers"]
  }

  expect_failures = [var.callers]
}

run "a_warning_where_nobody_is_told_of_alerts" {
  command = plan

  variables {
    alert_email = ""
  }

  expect_failures = [check.somebody_is_told]
}

run "no_function_reads_secrets_unless_asked" {
  command = plan

  assert {
    condition     = length(google_secret_manager_secret_iam_member.function) == 0
    error_message = "Somebody may read secrets although there are none."
  }
}

run "secrets_are_for_functions_with_an_http_trigger_alone" {
  command = plan

  variables {
    secrets = { QUICKTHUMB_SIGNING_KEYS = "signing-keys" }
  }

  assert {
    condition     = google_secret_manager_secret_iam_member.function["upload QUICKTHUMB_SIGNING_KEYS"].role == "roles/secretmanager.secretAccessor"
    error_message = "The function may not read its secret, or do more than that."
  }
  assert {
    condition = [
      for name, function in google_cloud_run_v2_service.function : name
      if anytrue([for env in function.template[0].containers[0].env : env.name == "QUICKTHUMB_SIGNING_KEYS"])
    ] == keys(local.http_functions)
    error_message = "Not exactly the functions with an HTTP trigger have the secret."
  }
  assert {
    condition = alltrue([
      for env in google_cloud_run_v2_service.function["upload"].template[0].containers[0].env :
      env.value_source[0].secret_key_ref[0].secret == "signing-keys" if env.name == "QUICKTHUMB_SIGNING_KEYS"
    ])
    error_message = "The value is not read from the secret."
  }
}

run "no_values_instead_of_names_of_secrets" {
  command = plan

  variables {
    secrets = { QUICKTHUMB_SIGNING_KEYS = "a key, another key" }
  }

  expect_failures = [var.secrets]
}
