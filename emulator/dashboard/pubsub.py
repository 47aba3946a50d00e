"""The brokers, as the dashboard and the commands use them.

Both have Google's API. The embedded one tells more: what waits, until when, and what just happened.
"""

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from emulator.errors import EmulatorError

_SECONDS = 10.0  # for a call
_PULLED = 1_000  # messages, at most
_WATCH = "/quickthumb.emulator.Watch"


class BrokerFailed(EmulatorError):
    """The broker refused a call, or does not answer."""


@dataclass(frozen=True)
class Pulled:
    """A message that was pulled.

    Attributes:
        ack_id: to acknowledge it with.
        message: its id.
        published: time, seconds since the epoch.
        attributes: its own.
        data: in base64.
        ordering_key: may be empty.
    """

    ack_id: str
    message: str
    published: float
    attributes: Mapping[str, str]
    data: str
    ordering_key: str


class PubSub:
    """A broker.

    Args:
        address: host and port.
        project: id.
        tells: whether it is the embedded one, which tells more than Google's API does.
    """

    def __init__(self, address: str, project: str, *, tells: bool) -> None:
        import grpc  # slow, and the parts start meanwhile

        self._grpc = grpc
        self._channel = grpc.insecure_channel(address, (("grpc.max_receive_message_length", -1),))
        self._project = project
        self.tells = tells

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    # What only the embedded broker tells

    def state(self) -> dict[str, Any] | None:
        """Return the numbers of topics and subscriptions; None if the broker does not tell.

        Raises:
            BrokerFailed: it does not answer.
        """
        if not self.tells:
            return None
        found: dict[str, Any] = json.loads(self._send(f"{_WATCH}/State", b""))
        return found

    def peek(self, subscription: str, limit: int) -> list[dict[str, Any]] | None:
        """Return messages of a subscription without taking them; None if that is not possible.

        Raises:
            BrokerFailed: there is no such subscription, or it does not answer.
        """
        if not self.tells:
            return None
        asked = json.dumps({"subscription": self._subscription(subscription), "limit": limit})
        found: list[dict[str, Any]] = json.loads(self._send(f"{_WATCH}/Peek", asked.encode()))
        return found

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield what happens from now on; end when the broker does.

        Raises:
            BrokerFailed: it does not answer.
        """
        call = self._channel.unary_stream(f"{_WATCH}/Events")
        try:
            for batch in call(b"", wait_for_ready=True):
                yield from json.loads(batch)
        except (self._grpc.RpcError, ValueError) as error:  # ValueError: the channel is closed
            raise BrokerFailed(f"The broker does not answer: {error}") from error

    # What both do

    def publish(
        self, topic: str, data: str, attributes: Mapping[str, str], ordering_key: str = ""
    ) -> str:
        """Publish a message; return its id.

        Args:
            topic: its short name.
            data: in base64.
            attributes: of the message.
            ordering_key: may be empty.

        Raises:
            BrokerFailed: it was refused.
        """
        from emulator.pubsub import protos

        message = protos.PubsubMessage(
            data=base64.b64decode(data), attributes=dict(attributes), ordering_key=ordering_key
        )
        request = protos.PublishRequest(
            topic=f"projects/{self._project}/topics/{topic}", messages=[message]
        )
        answer = self._call("Publisher/Publish", request)
        return str(protos.PublishResponse.FromString(answer).message_ids[0])

    def set_push(self, subscription: str, push_config: Any) -> None:
        """Set where a subscription pushes to; with an empty `PushConfig` it keeps its messages.

        Raises:
            BrokerFailed: it was refused.
        """
        from emulator.pubsub import protos

        name = self._subscription(subscription)
        request = protos.ModifyPushConfigRequest(subscription=name, push_config=push_config)
        self._call("Subscriber/ModifyPushConfig", request)

    def update(self, subscription: Any, *fields: str) -> None:
        """Change fields of a subscription.

        Args:
            subscription: with its full name and the new values.
            fields: that change.

        Raises:
            BrokerFailed: it was refused.
        """
        from google.protobuf.field_mask_pb2 import FieldMask

        from emulator.pubsub import protos

        request = protos.UpdateSubscriptionRequest(
            subscription=subscription, update_mask=FieldMask(paths=sorted(fields))
        )
        self._call("Subscriber/UpdateSubscription", request)

    def purge(self, subscription: str) -> None:
        """Drop all messages of a subscription that were published before now.

        Raises:
            BrokerFailed: it was refused.
        """
        from emulator.pubsub import protos

        request = protos.SeekRequest(subscription=self._subscription(subscription))
        # The broker's clock may be slightly ahead.
        request.time.FromMilliseconds(int(time.time() * 1000) + 100)
        self._call("Subscriber/Seek", request)

    def pull(self, subscription: str, limit: int = _PULLED) -> list[Pulled]:
        """Take messages of a pull subscription; each is acknowledged or put back after that.

        Raises:
            BrokerFailed: it was refused.
        """
        from emulator.pubsub import protos

        request = protos.PullRequest(
            subscription=self._subscription(subscription),
            max_messages=limit,
            return_immediately=True,
        )
        answer = protos.PullResponse.FromString(self._call("Subscriber/Pull", request))
        return [
            Pulled(
                each.ack_id,
                each.message.message_id,
                each.message.publish_time.ToMilliseconds() / 1000,
                dict(each.message.attributes),
                base64.b64encode(each.message.data).decode(),
                each.message.ordering_key,
            )
            for each in answer.received_messages
        ]

    def acknowledge(self, subscription: str, ack_ids: list[str]) -> None:
        """Acknowledge messages.

        Raises:
            BrokerFailed: it was refused.
        """
        from emulator.pubsub import protos

        if ack_ids:
            name = self._subscription(subscription)
            request = protos.AcknowledgeRequest(subscription=name, ack_ids=ack_ids)
            self._call("Subscriber/Acknowledge", request)

    def put_back(self, subscription: str, ack_ids: list[str]) -> None:
        """Put messages back that were pulled.

        Raises:
            BrokerFailed: it was refused.
        """
        from emulator.pubsub import protos

        if ack_ids:
            request = protos.ModifyAckDeadlineRequest(
                subscription=self._subscription(subscription),
                ack_ids=ack_ids,
                ack_deadline_seconds=0,
            )
            self._call("Subscriber/ModifyAckDeadline", request)

    def _subscription(self, name: str) -> str:
        return f"projects/{self._project}/subscriptions/{name}"

    def _call(self, method: str, request: Any) -> bytes:
        return self._send(f"/google.pubsub.v1.{method}", request.SerializeToString())

    def _send(self, method: str, request: bytes) -> bytes:
        try:
            answer: bytes = self._channel.unary_unary(method)(request, timeout=_SECONDS)
        except (self._grpc.RpcError, ValueError) as error:  # ValueError: the channel is closed
            raise BrokerFailed(_said(error)) from error
        return answer


def _said(error: Exception) -> str:
    with suppress(AttributeError):
        return f"The broker answered {error.code().name}: {error.details()}"  # type: ignore[attr-defined]
    return f"The broker does not answer: {error}"


def listen(
    pubsub: PubSub, tell: Callable[[dict[str, Any]], None], stopped: Callable[[], bool]
) -> None:
    """Tell every event of a broker until stopped, also after the broker was restarted."""
    while pubsub.tells and not stopped():
        with suppress(BrokerFailed):
            for event in pubsub.events():
                tell(event)
        if not stopped():
            time.sleep(0.2)
