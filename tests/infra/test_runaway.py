"""No write of ours can call us again, and what calls us is bounded."""

from emulator.pubsub.rules.policies import RetryPolicy
from emulator.topology_file import TOPOLOGY, read_topology
from quickthumb.documents.names import INCOMING
from quickthumb.kitchen import Kitchen
from quickthumb.kitchen.child import START_SECONDS
from quickthumb.kitchen.job import ATTEMPTS, PATIENCE
from tests.infra.hcl import of_kind
from tests.settings import settings_with

TOPOLOGY_OF_THE_PROJECT = read_topology()
SETTINGS = settings_with()


def access():
    """Return what iam.tf grants: function to buckets it may create blobs in, and to topics."""
    blocks = {name: value for block in of_kind("locals") for name, value in block.body.items()}
    creating = {
        role
        for role, permissions in blocks["storage_permissions"].items()
        if not role.startswith("__") and any(".create" in str(name) for name in permissions)
    }
    return {
        function: (
            {
                bucket
                for bucket, role in grant["buckets"].items()
                if not bucket.startswith("__") and str(role).strip('"') in creating
            },
            {str(topic).strip('"') for topic in grant["topics"]},
        )
        for function, grant in blocks["access"].items()
        if not function.startswith("__")
    }


def calls():
    """Return which function can have which called: by a topic it publishes to, or a bucket."""
    topology = TOPOLOGY_OF_THE_PROJECT
    called_by_topic = {name: set() for name in topology.topics}
    for subscription in topology.subscriptions.values():
        called_by_topic[subscription.topic].add(subscription.push_to)
    edges = {}
    for function, (buckets, topics) in access().items():
        notified = {
            topology.buckets[bucket].notify.topic
            for bucket in buckets
            if topology.buckets[bucket].notify
        }
        edges[function] = set().union(*(called_by_topic[name] for name in topics | notified))
    for subscription in topology.subscriptions.values():
        if subscription.dead_letter:
            edges[subscription.push_to] |= called_by_topic[subscription.dead_letter.topic]
    return edges


def reached(start, edges):
    """Return every function that a call of one can lead to."""
    found, new = set(), {start}
    while new:
        new = set().union(*(edges[name] for name in new)) - found
        found |= new
    return found


def test_the_grants_are_read_correctly():
    assert access()["resize"] == ({"processed"}, {"completed"})
    assert calls()["upload"] == {"resize"}


def test_no_function_can_lead_to_itself():
    edges = calls()
    for function in TOPOLOGY_OF_THE_PROJECT.functions:
        assert function not in reached(function, edges), function


def test_only_schedules_and_requests_lead_to_the_functions_that_publish_jobs():
    topology = TOPOLOGY_OF_THE_PROJECT
    jobs = next(s.topic for s in topology.subscriptions.values() if s.push_to == "resize")
    for function, (_, topics) in access().items():
        if jobs in topics:
            assert topology.functions[function].trigger in ("http", "schedule"), function


def test_the_bucket_of_results_tells_nobody_of_its_blobs():
    assert TOPOLOGY_OF_THE_PROJECT.buckets["processed"].notify is None


def test_a_bucket_tells_only_of_what_was_sent_to_it_directly():
    for name, bucket in TOPOLOGY_OF_THE_PROJECT.buckets.items():
        if bucket.notify:
            assert bucket.notify.prefix == INCOMING, name


def test_instances_and_attempts_have_limits():
    topology = TOPOLOGY_OF_THE_PROJECT
    for name, function in topology.functions.items():
        assert 1 <= function.max_instances <= 100, name
    assert topology.subscriptions["resize"].dead_letter.max_delivery_attempts <= 20
    assert SETTINGS.policy.attempts <= 10


def test_a_job_outlives_an_hour_of_refusals_and_is_given_up_within_three():
    resize = TOPOLOGY_OF_THE_PROJECT.subscriptions["resize"]
    policy = RetryPolicy(resize.minimum_backoff_seconds, resize.maximum_backoff_seconds)
    attempts = resize.dead_letter.max_delivery_attempts
    refused = sum(policy.delay(failures) for failures in range(1, attempts))
    hung = refused + attempts * resize.ack_deadline_seconds
    assert refused > 1.5 * 3600
    assert hung < 3 * 3600
    arithmetic = " ".join(TOPOLOGY.read_text().replace("#", "").split())
    assert f"= {refused:,.0f} seconds: a job survives" in arithmetic
    assert f"after {hung:,.0f} seconds" in arithmetic


def test_one_sweep_runs_at_a_time_and_ends_before_it_is_cut_off():
    sweep = TOPOLOGY_OF_THE_PROJECT.functions["sweep"]
    assert (sweep.max_instances, sweep.concurrency) == (1, 1)
    assert SETTINGS.sweep_seconds + 3 * SETTINGS.call_seconds < sweep.timeout_seconds


def test_a_job_that_may_be_at_work_is_not_swept():
    resize = TOPOLOGY_OF_THE_PROJECT.subscriptions["resize"]
    twice = 2 * resize.ack_deadline_seconds + resize.minimum_backoff_seconds
    assert SETTINGS.sweep_after_seconds > twice


def test_a_function_is_cut_off_before_its_message_is_delivered_again():
    topology = TOPOLOGY_OF_THE_PROJECT
    for subscription in topology.subscriptions.values():
        function = topology.functions[subscription.push_to]
        assert function.timeout_seconds < subscription.ack_deadline_seconds


def test_the_longest_job_ends_before_its_function_is_cut_off():
    resize = TOPOLOGY_OF_THE_PROJECT.functions["resize"]
    decoders = int(resize.environment["QUICKTHUMB_DECODERS"])
    kitchen = Kitchen(SETTINGS.limits, decoders)
    call = 2 * SETTINGS.call_seconds  # repeated that long, and a last attempt of that length
    looking, starting, storing = 2 * call, ATTEMPTS * START_SECONDS, 4 * call
    decoding = kitchen.seconds + 1
    longest = looking + PATIENCE + starting + decoding + storing
    assert longest < resize.timeout_seconds
    arithmetic = " ".join(TOPOLOGY.read_text().replace("#", "").split())
    for seconds, what in (
        (looking, "seconds to look at the manifest"),
        (PATIENCE, "to wait for memory"),
        (starting, "to start a decoder three times"),
        (decoding, f"to decode: {SETTINGS.limits.max_seconds:g} of processor time"),
        (storing, "to write thumbnails and manifest"),
    ):
        assert f" {seconds:g} {what}" in arithmetic
    assert f"Together {longest:g} seconds" in arithmetic


def test_whoever_waits_for_a_decoder_waits_for_most_others_even_if_they_are_as_slow_as_allowed():
    resize = TOPOLOGY_OF_THE_PROJECT.functions["resize"]
    assert PATIENCE / SETTINGS.limits.max_seconds > resize.concurrency / 2
