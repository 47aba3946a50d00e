"""What happens in a running cloud: requests, messages, and the life of each upload.

It is told what happens and when, by the functions (through `heard.py`) and by the broker, and
remembers as much as one looks at. It uses no clock, socket or file. Times are seconds since the
epoch.
"""

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import Any

from emulator.dashboard.records import Event, Function, Instance, Life, Remembered, Request, Role
from emulator.dashboard.subject import subject_of, uploads_in

MOST_EVENTS = 2_000
"""Events that are kept for readers."""

_MOST_LIVES = 2_000
_MOST_MESSAGES = 5_000
_MOST_STORED = 500  # blobs of lives that have not begun
_MOST_DATA = 16 * 1024  # characters of base64
_LISTED = 20
_MOST_LINE = 2_000  # characters


class Flow:
    """What has happened since the cloud started. Thread-safe.

    Args:
        roles: the functions by name.
        is_alive: returns whether a process runs.
    """

    def __init__(self, roles: Mapping[str, Role], is_alive: Callable[[int], bool]) -> None:
        self._functions = {name: Function(role) for name, role in roles.items()}
        self._is_alive = is_alive
        self._requests: dict[str, Request] = {}
        self._messages: OrderedDict[str, Remembered] = OrderedDict()
        self._lives: OrderedDict[str, Life] = OrderedDict()
        self._stored: OrderedDict[str, list[Event]] = OrderedDict()
        self._published: Counter[str] = Counter()
        self._events: deque[Event] = deque(maxlen=MOST_EVENTS)
        self._listeners: list[Callable[[Event], None]] = []
        self._changed = threading.Condition(threading.RLock())
        self.sequence = 0
        """Number of the latest event."""

    # What readers ask for

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call a function with every event from now on; it must be quick."""
        self._listeners.append(listener)

    def wait(self, after: int, seconds: float) -> bool:
        """Wait for an event after a number; return whether there is one."""
        with self._changed:
            return self._changed.wait_for(lambda: self.sequence > after, seconds)

    def events(self, after: int) -> list[Event] | None:
        """Return the events after a number; None if some of them are no longer kept."""
        with self._changed:
            missing = self.sequence - after
            if missing > len(self._events):
                return None
            return list(self._events)[len(self._events) - missing :] if missing > 0 else []

    def function(self, name: str) -> dict[str, Any]:
        """Return the instances, counts and latest requests of a function, as JSON values."""
        with self._changed:
            known = self._functions[name]
            instances = sorted(known.instances.values(), key=lambda each: each.number)
            return {
                "instances": [
                    {
                        "number": each.number,
                        "pid": each.pid,
                        "since": each.since,
                        "running": [request.document() for request in each.running.values()],
                    }
                    for each in instances
                ],
                "counts": {
                    "done": known.counts["done"],
                    "failed": known.counts["failed"],
                    "killed": known.counts["killed"],
                },
                "failures": list(reversed(known.failures)),
                "recent": [each.document() for each in list(known.recent)[: -_LISTED - 1 : -1]],
            }

    def request(self, id: str) -> dict[str, Any] | None:
        """Return a request with its log, None if it is not among the latest."""
        with self._changed:
            found = self._requests.get(id) or next(
                (
                    request
                    for function in self._functions.values()
                    for request in function.recent
                    if request.id == id
                ),
                None,
            )
            return found.document(whole=True) if found else None

    def busy(self, name: str) -> list[tuple[int, int, int]]:
        """Return number, process id and running requests of each instance, the busiest first."""
        with self._changed:
            found = [
                (each.number, each.pid, len(each.running))
                for each in self._functions[name].instances.values()
            ]
        return sorted(found, key=lambda each: (-each[2], each[0]))

    def published(self, topic: str) -> int:
        """Return how many messages were published to a topic."""
        return self._published[topic]

    def uploads(self, limit: int) -> list[dict[str, Any]]:
        """Return summaries of the latest lives, newest first."""
        with self._changed:
            latest = list(self._lives.values())[-limit:]
            return [life.summary() for life in reversed(latest)]

    def life(self, id: str) -> dict[str, Any] | None:
        """Return a life with its events, None if it is not known.

        Args:
            id: of an upload or of a message.
        """
        with self._changed:
            life = self._lives.get(id) or self._lives.get(self._subject(id) or "")
            if life is None:
                return None
            return life.summary() | {"left_out": life.left_out, "entries": list(life.entries)}

    def message(self, id: str) -> Remembered | None:
        """Return a message by its id, or the latest job of an upload; None if it is not known.

        What functions publish about an upload, such as its end, is no job: nobody was called with
        it.
        """
        with self._changed:
            if id in self._messages:
                return self._messages[id]
            jobs = [each for each in self._messages.values() if each.subject == id]
            delivered = [each for each in jobs if self._is_job(each)]
            return next(reversed(delivered or jobs), None)

    def _is_job(self, message: Remembered) -> bool:
        handled = [name for name in message.attempts if name in self._functions]
        return any(not self._functions[name].role.handles_dead for name in handled)

    # What the functions tell

    def started(self, function: str, pid: int, time: float) -> None:
        """A process of a function has started, probably in place of one that has ended."""
        with self._changed:
            self.look(function, time)
            instances = self._functions[function].instances
            taken = {each.number for each in instances.values()}
            number = next(n for n in range(1, len(taken) + 2) if n not in taken)
            instances[pid] = Instance(number, pid, time)
            self._tell(
                time, "instance", function=function, instance=number, pid=pid, change="started"
            )

    def look(self, function: str, time: float) -> None:
        """Notice which processes of a function have ended."""
        with self._changed:
            instances = self._functions[function].instances
            for pid, instance in list(instances.items()):
                if not self._is_alive(pid):
                    del instances[pid]
                    self._gone(function, instance, time)

    def _gone(self, function: str, instance: Instance, time: float) -> None:
        for request in list(instance.running.values()):
            self._end(request, instance, time, None, time - request.began, "killed")
        self._tell(
            time,
            "instance",
            function=function,
            instance=instance.number,
            pid=instance.pid,
            change="ended",
        )

    def began(
        self,
        function: str,
        id: str,
        pid: int,
        time: float,
        method: str,
        path: str,
        message: Mapping[str, Any] | None = None,
    ) -> None:
        """A request has begun.

        Args:
            function: that is called.
            id: of the request.
            pid: process that handles it.
            time: when.
            method: of HTTP.
            path: of the URL.
            message: what it delivers: id, attempt (None if the broker does not count), attributes
                and data (None if they are large), subscription.
        """
        with self._changed:
            instances = self._functions[function].instances
            if pid not in instances:  # started before anybody listened
                self.started(function, pid, time)
            instance = instances[pid]
            request = Request(id, function, instance.number, method, path, time)
            if message:
                self._delivers(request, message)
            else:
                request.subjects = uploads_in(path)
            self._requests[id] = instance.running[id] = request
            self._about(
                request,
                self._tell(
                    time,
                    "began",
                    **self._named(request),
                    method=method,
                    path=path,
                ),
            )

    def _delivers(self, request: Request, message: Mapping[str, Any]) -> None:
        """Note which message a request delivers."""
        id = str(message.get("id") or "")
        known = self._messages.get(id)
        if known is None:
            attributes, data = message.get("attributes"), message.get("data")
            known = self._remember(id, None, attributes, data, "")
        known.attempts[request.function] += 1
        if subscription := message.get("subscription"):
            known.subscription = short(str(subscription))
        counted = message.get("attempt")
        request.message = id
        request.attempt = counted if isinstance(counted, int) else known.attempts[request.function]
        request.subjects = [known.subject or id]
        if not self._functions[request.function].role.handles_dead:
            life = self._life(request.subjects[0], request.began)
            life.state, life.attempts, life.next_retry = "working", request.attempt, None

    def logged(self, id: str, text: str) -> None:
        """A request has written a line to its log."""
        with self._changed:
            request = self._requests.get(id)
            if request is None:
                return
            request.log.append(text[:_MOST_LINE])
            if request.message is None:
                request.subjects += [
                    each for each in uploads_in(text) if each not in request.subjects
                ]

    def ended(self, id: str, time: float, status: int, seconds: float) -> None:
        """A request was answered."""
        with self._changed:
            request = self._requests.get(id)
            if request is None:
                return
            function = self._functions[request.function]
            instance = next((i for i in function.instances.values() if id in i.running), None)
            # A function that anybody may call is not at fault for a client's mistake.
            worst = 500 if request.message is None else 300
            outcome = "failed" if status >= worst else "done"
            self._end(request, instance, time, status, seconds, outcome)

    def _end(
        self,
        request: Request,
        instance: Instance | None,
        time: float,
        status: int | None,
        seconds: float,
        outcome: str,
    ) -> None:
        del self._requests[request.id]
        if instance:
            instance.running.pop(request.id, None)
        request.ended, request.seconds = time, max(seconds, 0.0)
        request.status, request.outcome = status, outcome
        function = self._functions[request.function]
        function.recent.append(request)
        function.counts[outcome] += 1
        event = self._tell(
            time,
            "ended",
            **self._named(request),
            method=request.method,
            path=request.path,
            status=status,
            milliseconds=round(request.seconds * 1000, 1),
            outcome=outcome,
            problem=request.log[-1] if request.log and outcome != "done" else None,
        )
        if outcome != "done":
            function.failures.append(event)
        self._about(request, event)
        if request.message is None:
            return
        if function.role.handles_dead:
            # The embedded broker has told it before; Google's does not.
            dead = self._lives.get(request.subjects[0])
            if dead and dead.state in ("waiting", "working"):
                dead.state = "dead"
            return
        life = self._life(request.subjects[0], time)
        if life.state == "working":  # else the broker has told what comes next
            life.state = "done" if outcome == "done" else "waiting"

    def _about(self, request: Request, event: Event) -> None:
        """Note an event in the lives that a request is about; reading one changes nothing."""
        if request.method in ("GET", "HEAD"):
            return
        if request.message is None and not (request.status and request.status < 400):
            return
        for subject in request.subjects:
            self._life(subject, event["time"]).add(event)

    def _named(self, request: Request) -> dict[str, Any]:
        return {
            "function": request.function,
            "instance": request.instance,
            "request": request.id,
            "message": request.message,
            "attempt": request.attempt,
            "subject": request.subjects[0] if request.subjects else None,
            "subjects": list(request.subjects),
        }

    # What storage tells

    def stored(self, bucket: str, blob: str, time: float) -> None:
        """A blob was stored.

        Args:
            bucket: its name in the topology.
            blob: its name.
            time: when.
        """
        with self._changed:
            subject = next(iter(uploads_in(blob)), blob)
            event = self._tell(time, "stored", bucket=bucket, blob=blob, subject=subject)
            if subject in self._lives:
                self._lives[subject].add(event)
            else:  # its job is published next, or it has none
                self._stored.setdefault(subject, []).append(event)
                _keep(self._stored, _MOST_STORED)

    # What the broker tells

    def told(self, event: Mapping[str, Any]) -> None:
        """The broker has told an event: see `emulator/pubsub/doors/watching.py`."""
        with self._changed:
            match event["kind"]:
                case "published":
                    self._was_published(event)
                case "delivered" | "acknowledged":
                    self._moved(event)
                case "failed":
                    life = self._moved(event)
                    life.state, life.next_retry = "waiting", event["next"]
                case "dead":
                    life = self._moved(event)
                    life.state, life.next_retry = "dead", None
                    letter = self._remember(event["letter"], None, None, None, "")
                    letter.subject, letter.problem = life.id, event["problem"]

    def _was_published(self, event: Mapping[str, Any]) -> None:
        topic = short(event["topic"])
        self._published[topic] += 1
        attributes, data = event["attributes"], event["data"]
        known = self._remember(event["message"], topic, attributes, data, event["ordering_key"])
        subject = known.subject or known.id
        state = attributes.get("state")
        told = self._tell(
            event["time"],
            "published",
            topic=topic,
            message=known.id,
            subject=subject,
            size=event["size"],
            state=state,
        )
        life = self._life(subject, event["time"])
        life.add(told)
        if "CloudPubSubDeadLetterSourceDeliveryCount" in attributes:
            return
        if state in ("done", "failed"):
            life.state, life.next_retry = state, None
        elif life.state != "working" and known.subject:
            life.state = "queued"

    def _moved(self, event: Mapping[str, Any]) -> Life:
        id = event["message"]
        known = self._messages.get(id)
        subject = (known.subject if known else None) or id
        topic = event.get("topic")
        told = self._tell(
            event["time"],
            event["kind"],
            subscription=short(event["subscription"]),
            message=id,
            subject=subject,
            attempt=event["attempt"],
            **({"problem": event["problem"]} if "problem" in event else {}),
            **({"next": event["next"]} if "next" in event else {}),
            **({"topic": short(topic)} if topic else {}),
        )
        life = self._life(subject, event["time"])
        life.add(told)
        return life

    def did(self, time: float, action: str, text: str, **about: Any) -> None:
        """Somebody has done something by a command or in the dashboard."""
        with self._changed:
            self._tell(time, "action", action=action, text=text, **about)

    # What is kept

    def _tell(self, time: float, kind: str, **fields: Any) -> Event:
        self.sequence += 1
        event = {"sequence": self.sequence, "time": time, "kind": kind, **fields}
        self._events.append(event)
        self._changed.notify_all()
        for listener in self._listeners:
            listener(event)
        return event

    def _remember(
        self,
        id: str,
        topic: str | None,
        attributes: Mapping[str, str] | None,
        data: str | None,
        ordering_key: str,
    ) -> Remembered:
        kept = data if data is not None and len(data) <= _MOST_DATA else None
        known = self._messages.get(id)
        if known is None:
            subject = subject_of(attributes, data)
            known = self._messages[id] = Remembered(
                id, subject, topic, attributes, kept, ordering_key
            )
            _keep(self._messages, _MOST_MESSAGES)
        elif topic is not None and known.topic is None:  # it was delivered before this was heard
            known.topic, known.attributes, known.ordering_key = topic, attributes, ordering_key
            known.data = kept
        return known

    def _subject(self, message: str) -> str | None:
        known = self._messages.get(message)
        return known.subject if known else None

    def _life(self, id: str, time: float) -> Life:
        life = self._lives.get(id)
        if life is None:
            life = self._lives[id] = Life(id, time, time)
            for event in self._stored.pop(id, []):
                life.add(event)
                life.began = min(life.began, event["time"])
            _keep(self._lives, _MOST_LIVES)
        return life


def _keep(entries: OrderedDict[str, Any], most: int) -> None:
    while len(entries) > most:
        entries.popitem(last=False)


def short(name: str) -> str:
    """Return the last part of the full name of a topic or subscription."""
    return name.rpartition("/")[2]
