"""Topics and subscriptions as clients describe them: validation, defaults, and policies.

Limits: https://docs.cloud.google.com/pubsub/quotas#resource_limits and
https://docs.cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1
"""

import unicodedata
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from emulator.pubsub.rules import filters, ingestion, names
from emulator.pubsub.rules.errors import InvalidArgument, Unimplemented
from emulator.pubsub.rules.exports import target
from emulator.pubsub.rules.limits import (
    ACK_DEADLINE_SECONDS,
    check_ack_deadline,
    check_duration,
    check_value,
)
from emulator.pubsub.rules.policies import (
    DELETED_TOPIC,
    DeadLetterPolicy,
    ExportTarget,
    PushTarget,
    RetryPolicy,
    SubscriptionPolicy,
)

_DAY = 24 * 60 * 60
_RETENTION_SECONDS = (10 * 60, 31 * _DAY)
_DEFAULT_RETENTION = 7 * _DAY
_DEFAULT_TTL = 31 * _DAY
_BACKOFF_SECONDS = (0, 600)
_DELIVERY_ATTEMPTS = (5, 100)

_MAX_LABELS = 64
_MAX_LABEL_LENGTH = 63
# Unicode categories: lowercase letters, letters of scripts without case ...
_LABEL_LETTERS = frozenset({"Ll", "Lo"})
# ... and numbers.
_LABEL_CATEGORIES = _LABEL_LETTERS | {"Nd", "Nl", "No"}

_UNSUPPORTED = {
    "message_transforms",
    "bigquery_config",
    "bigtable_config",
}


def complete_topic(topic: Any) -> float | None:
    """Check a `Topic` and fill in the defaults.

    Returns:
        Seconds that the topic retains messages for, or None.

    Raises:
        InvalidArgument: If a value is invalid.
        Unimplemented: If it uses transforms.
    """
    names.check("topics", topic.name)
    _check_supported(topic)
    ingestion.complete(topic)
    if not topic.HasField("message_retention_duration"):
        return None
    retention = _seconds(topic.message_retention_duration)
    check_duration("message_retention_duration", retention, *_RETENTION_SECONDS)
    return retention


def check_labels(labels: Mapping[str, str]) -> None:
    """Check the labels of a topic, subscription or snapshot.

    https://docs.cloud.google.com/pubsub/docs/labels#requirements

    Raises:
        InvalidArgument: If there are too many, or one is malformed.
    """
    if len(labels) > _MAX_LABELS:
        raise InvalidArgument(
            f"Invalid labels: there are {len(labels)}, but at most {_MAX_LABELS} are allowed."
        )
    for key, value in labels.items():
        starts_with_letter = bool(key) and unicodedata.category(key[0]) in _LABEL_LETTERS
        if not (starts_with_letter and _is_label_text(key) and _is_label_text(value)):
            raise InvalidArgument(
                f"Invalid label (key={key}, value={value}). Keys and values have at most"
                f" {_MAX_LABEL_LENGTH} characters: lowercase letters, digits, _ and -. A key starts"
                " with a letter."
            )


def _is_label_text(text: str) -> bool:
    return len(text) <= _MAX_LABEL_LENGTH and all(
        character in "_-" or unicodedata.category(character) in _LABEL_CATEGORIES
        for character in text
    )


def complete_subscription(subscription: Any) -> SubscriptionPolicy:
    """Check a `Subscription`, fill in the defaults, and return its policy.

    Raises:
        InvalidArgument: If a value is invalid.
        Unimplemented: If it uses BigQuery, Bigtable or transforms, or writes files with the schema
            of its topic.
    """
    names.check("subscriptions", subscription.name)
    if subscription.topic != DELETED_TOPIC:
        names.check("topics", subscription.topic)
    _check_supported(subscription)
    subscription.state = 1  # ACTIVE
    # It is there, though empty, for pull subscriptions too.
    subscription.push_config.SetInParent()
    return SubscriptionPolicy(
        topic=DELETED_TOPIC if subscription.detached else subscription.topic,
        ack_deadline=_ack_deadline(subscription),
        matches=filters.parse(subscription.filter),
        ordered=subscription.enable_message_ordering,
        retention=_retention(subscription),
        retain_acked=subscription.retain_acked_messages,
        exactly_once=subscription.enable_exactly_once_delivery,
        retry=_retry_policy(subscription),
        dead_letter=_dead_letter_policy(subscription),
        push=push_target(subscription.push_config),
        export=_export_target(subscription),
    )


def check_receiver(policy: SubscriptionPolicy) -> None:
    """Check that a subscription delivers in one way, and exactly once only if it is pulled.

    https://docs.cloud.google.com/pubsub/docs/exactly-once-delivery

    Raises:
        InvalidArgument: If it is not so.
    """
    if policy.export is not None and policy.push is not None:
        raise InvalidArgument(
            "A subscription cannot have both push_config and cloud_storage_config: it delivers its"
            " messages in one way."
        )
    if policy.export is not None and policy.exactly_once:
        raise InvalidArgument(
            "A subscription with cloud_storage_config cannot have enable_exactly_once_delivery:"
            " only pull subscriptions support it."
        )
    if policy.push is not None and policy.exactly_once:
        raise InvalidArgument(
            "A subscription with a push endpoint cannot have enable_exactly_once_delivery: only"
            " pull subscriptions support it."
        )


def push_target(config: Any) -> PushTarget | None:
    """Read a `PushConfig`; None if it has no endpoint, for a pull subscription.

    Raises:
        InvalidArgument: If the endpoint is not an HTTP URL, or the token has no account.
    """
    if not config.push_endpoint:
        return None
    if not _is_http_url(config.push_endpoint):
        raise InvalidArgument(
            f"Invalid push endpoint given (endpoint={config.push_endpoint}). It must be a URL"
            " that starts with https:// or http://."
        )
    if config.HasField("oidc_token") and "@" not in config.oidc_token.service_account_email:
        raise InvalidArgument(
            "You have passed an invalid argument to the service"
            " (argument=PushConfig::oidc_token::service_account_email). It must be the email"
            " address of a service account."
        )
    return PushTarget(
        endpoint=config.push_endpoint,
        wrapped=not config.HasField("no_wrapper"),
        write_metadata=config.no_wrapper.write_metadata,
        service_account=config.oidc_token.service_account_email,
        audience=config.oidc_token.audience or config.push_endpoint,
    )


def _is_http_url(text: str) -> bool:
    """Return whether a request can be sent to this URL."""
    try:
        url = urlsplit(text)
        host = (url.hostname or "").encode("idna")
        port = url.port
    except ValueError:
        return False
    visible = text.isascii() and text.isprintable() and " " not in text
    return visible and url.scheme in ("http", "https") and bool(host) and port != 0


def _ack_deadline(subscription: Any) -> float:
    deadline = subscription.ack_deadline_seconds or ACK_DEADLINE_SECONDS[0]
    check_ack_deadline(deadline)
    subscription.ack_deadline_seconds = deadline
    return float(deadline)


def _retention(subscription: Any) -> float:
    if not subscription.HasField("message_retention_duration"):
        subscription.message_retention_duration.FromSeconds(_DEFAULT_RETENTION)
    retention = _seconds(subscription.message_retention_duration)
    check_duration("message_retention_duration", retention, *_RETENTION_SECONDS)
    if not subscription.HasField("expiration_policy"):
        subscription.expiration_policy.ttl.FromSeconds(_DEFAULT_TTL)
    elif subscription.expiration_policy.HasField("ttl"):
        ttl = _seconds(subscription.expiration_policy.ttl)
        if ttl < max(_DAY, retention):
            raise InvalidArgument(
                f"Invalid expiration_policy.ttl: {ttl:g} s. It must be at least a day, and not"
                f" shorter than message_retention_duration ({retention:g} s)."
            )
    return retention


def _retry_policy(subscription: Any) -> RetryPolicy | None:
    if not subscription.HasField("retry_policy"):
        return None
    policy = subscription.retry_policy
    for field, default in (("minimum_backoff", 10), ("maximum_backoff", 600)):
        if not policy.HasField(field):
            getattr(policy, field).FromSeconds(default)
        check_duration(f"retry_policy.{field}", _seconds(getattr(policy, field)), *_BACKOFF_SECONDS)
    minimum, maximum = _seconds(policy.minimum_backoff), _seconds(policy.maximum_backoff)
    if minimum > maximum:
        raise InvalidArgument(
            f"Invalid retry_policy: minimum_backoff ({minimum:g} s) is larger than"
            f" maximum_backoff ({maximum:g} s)."
        )
    return RetryPolicy(minimum, maximum)


def _dead_letter_policy(subscription: Any) -> DeadLetterPolicy | None:
    if not subscription.HasField("dead_letter_policy"):
        return None
    policy = subscription.dead_letter_policy
    names.check("topics", policy.dead_letter_topic)
    policy.max_delivery_attempts = policy.max_delivery_attempts or _DELIVERY_ATTEMPTS[0]
    check_value("max_delivery_attempts", policy.max_delivery_attempts, *_DELIVERY_ATTEMPTS)
    return DeadLetterPolicy(policy.dead_letter_topic, policy.max_delivery_attempts)


def _export_target(subscription: Any) -> ExportTarget | None:
    if not subscription.HasField("cloud_storage_config"):
        return None
    return target.complete(subscription.cloud_storage_config)


def _check_supported(resource: Any) -> None:
    used = [field.name for field, _ in resource.ListFields() if field.name in _UNSUPPORTED]
    if used:
        raise Unimplemented(
            f"{' and '.join(used)} of {resource.name}: this broker does not do that, only"
            " Google Cloud does."
        )


def _seconds(duration: Any) -> float:
    return float(duration.seconds + duration.nanos / 1_000_000_000)
