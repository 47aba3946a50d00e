"""Delivers the messages of push subscriptions to their endpoints."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

import h11

from emulator.pubsub.doors.doorbell import Doorbell
from emulator.pubsub.doors.http_post import PROCESSING, HttpPoster
from emulator.pubsub.doors.push_request import push_request
from emulator.pubsub.doors.tasks import Tasks
from emulator.pubsub.rules.messages import Delivery
from emulator.pubsub.rules.policies import PushTarget
from emulator.pubsub.rules.registry import Registry
from emulator.pubsub.rules.subscription import Subscription
from emulator.pubsub.rules.window import PushWindow

# https://docs.cloud.google.com/pubsub/docs/push#receive_push
ACKNOWLEDGING = frozenset({PROCESSING, 200, 201, 202, 204})

# A lease ends this much later than its request times out.
GRACE_SECONDS = 1.0

# How often an endpoint that keeps failing in the same way is logged.
COMPLAINT_SECONDS = 30.0

_log = logging.getLogger(__name__)

MakeToken = Callable[[str, str], str]


class Pusher:
    """Runs one task for each push subscription."""

    def __init__(
        self,
        registry: Registry,
        doorbell: Doorbell,
        clock: Callable[[], float],
        make_token: MakeToken,
        limit: int,
    ) -> None:
        """Start without tasks.

        Args:
            registry: Contains the subscriptions.
            doorbell: Rings when messages can be leased.
            clock: Returns seconds since the epoch.
            make_token: Makes an OIDC token from the email of an account and an audience.
            limit: Most requests in flight for one subscription.
        """
        self._registry = registry
        self._doorbell = doorbell
        self._make_courier = partial(_Courier, clock=clock, make_token=make_token, limit=limit)
        self._tasks = Tasks(registry, self._ended)

    def notice(self, subscription: Subscription) -> None:
        """Start a task for a subscription, if it is a push subscription and has none."""
        if subscription.policy.push is not None and self._tasks.lacks(subscription):
            self._tasks.start(subscription, self._push(subscription))

    async def close(self) -> None:
        """Stop, and abort the requests that are in flight."""
        await self._tasks.close()

    def _ended(self, subscription: Subscription, error: BaseException | None) -> None:
        if error:
            _log.error("%s: pushing has failed", subscription.name, exc_info=error)
        # A new endpoint may have been set during the last requests to the old one.
        self.notice(subscription)

    async def _push(self, subscription: Subscription) -> None:
        poster = HttpPoster()
        in_flight: set[asyncio.Task[None]] = set()
        courier, endpoint = self._make_courier(subscription, poster), ""

        def ended(request: asyncio.Task[None]) -> None:
            in_flight.discard(request)
            self._doorbell.ready(subscription)

        async with asyncio.TaskGroup() as requests:
            while self._registry.subscriptions.get(subscription.name) is subscription:
                target = subscription.policy.push
                if target is None:
                    if not in_flight:
                        break
                    await self._doorbell.wait(subscription)
                    continue
                if endpoint != target.endpoint:
                    # An endpoint that does not answer must not hold up the one that replaces it.
                    courier = self._make_courier(subscription, poster)
                    endpoint = target.endpoint
                for delivery in courier.take():
                    request = requests.create_task(courier.carry(target, delivery))
                    in_flight.add(request)
                    request.add_done_callback(ended)
                await self._doorbell.wait(subscription, courier.pause())
        poster.close()


class _Courier:
    """Pushes to one endpoint: leases what the window allows, and settles each delivery."""

    def __init__(
        self,
        subscription: Subscription,
        poster: HttpPoster,
        clock: Callable[[], float],
        make_token: MakeToken,
        limit: int,
    ) -> None:
        self._subscription = subscription
        self._clock = clock
        self._make_token = make_token
        self._window = PushWindow(limit)
        self._poster = poster
        self._complaint = ""
        self._complained_at = float("-inf")

    def take(self) -> list[Delivery]:
        """Lease the messages that may be pushed now."""
        now = self._clock()
        seconds = self._subscription.policy.ack_deadline + GRACE_SECONDS
        deliveries = self._subscription.lease(
            now, self._window.room(now), seconds=seconds, one_per_key=True
        )
        self._window.started(len(deliveries))
        return deliveries

    def pause(self) -> float | None:
        """Return how many seconds delivery is paused for, or None."""
        left = self._window.paused_until - self._clock()
        return left if left > 0 else None

    async def carry(self, target: PushTarget, delivery: Delivery) -> None:
        """Push one message, and acknowledge it or return it for redelivery."""
        started_at = self._clock()
        subscription = self._subscription
        # The message may be leased again before a late answer to this request.
        lease = delivery.lease
        problem = await self._attempt(target, delivery)
        now = self._clock()
        if problem is None:
            self._window.succeeded()
            subscription.acknowledge([lease], now)
        else:
            self._window.failed(started_at, now, pause=subscription.policy.retry is None)
            delivery.problem = problem
            subscription.modify([lease], 0, now)
            self._complain(target, problem, now)

    async def _attempt(self, target: PushTarget, delivery: Delivery) -> str | None:
        """Return what went wrong, or None."""
        headers, body = push_request(self._subscription, delivery)
        deadline = self._subscription.policy.ack_deadline
        answers = self._subscription.counts.push_answers
        try:
            if target.service_account:
                token = self._make_token(target.service_account, target.audience)
                headers.append(("Authorization", f"Bearer {token}"))
            status = await self._poster.post(target.endpoint, headers, body, deadline)
        except TimeoutError:
            answers["timeout"] += 1
            return f"no answer within the ack deadline of {deadline:g} s"
        except (OSError, ValueError, h11.ProtocolError) as error:
            answers["failure"] += 1
            return str(error) or type(error).__name__
        answers[f"{status // 100}xx"] += 1
        return None if status in ACKNOWLEDGING else f"answered {status}"

    def _complain(self, target: PushTarget, problem: str, now: float) -> None:
        """Log a failure, unless the same one was logged recently."""
        if problem != self._complaint or now - self._complained_at > COMPLAINT_SECONDS:
            name = self._subscription.name
            _log.warning("%s: push to %s failed: %s", name, target.endpoint, problem)
            self._complaint = problem
            self._complained_at = now
