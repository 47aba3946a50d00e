"""What one can do with a running cloud: each action has a command and a button.

An action gets the members of a JSON object and returns one, with a sentence in `text`.
"""

import base64
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from emulator.alive import is_alive
from emulator.cloud import Cloud
from emulator.dashboard.controls import MOST_SLOW
from emulator.dashboard.errors import Refused, Unknown
from emulator.dashboard.letters import Letters, own
from emulator.dashboard.poison import Poison
from emulator.dashboard.pubsub import PubSub
from emulator.dashboard.watching import Watching, letters_of
from emulator.wording import counted

_STEP_SECONDS = 3.0
_STEP_DOWN_SECONDS = 0.2
_LINGER_SECONDS = 60.0  # longer than gunicorn lets a process finish its requests
_POLL = 0.05

Answer = dict[str, Any]


class Actions:
    """The actions on a running cloud, by name.

    Args:
        cloud: that runs.
        watching: what watches it.
        pubsub: its broker.
    """

    def __init__(self, cloud: Cloud, watching: Watching, pubsub: PubSub) -> None:
        self._cloud = cloud
        self._flow = watching.flow
        self._controls = watching.controls
        self._pubsub = pubsub
        self._poison = Poison(cloud, watching, pubsub)
        self.letters = Letters(cloud.topology, letters_of(cloud.topology), pubsub, watching.flow)
        self._turn = threading.Lock()
        self._known: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
            "publish": self._publish,
            "pause": self._pause,
            "resume": self._resume,
            "scale": self._scale,
            "kill": self._kill,
            "slow": self._slow,
            "poison": self._send_poison,
            "redeliver": self._redeliver,
            "requeue": self._requeue,
            "purge": self._purge,
        }

    def do(self, name: str, members: Mapping[str, Any]) -> Answer:
        """Do something, one at a time.

        Raises:
            Refused: it cannot be done; the text says why.
            BrokerFailed: the broker refused it, or does not answer.
        """
        if name not in self._known:
            raise Unknown(f"There is no action {name!r}: expected {', '.join(self._known)}.")
        with self._turn:
            answer = self._known[name](members)
        self._flow.did(time.time(), name, answer["text"])
        return answer

    def close(self) -> None:
        """Give up what goes on in the background."""
        self._poison.close()

    def _publish(self, members: Mapping[str, Any]) -> Answer:
        topic = _text(members, "topic")
        if topic not in self._cloud.topology.topics:
            known = ", ".join(self._cloud.topology.topics)
            raise Unknown(f"There is no topic {topic!r}: expected {known}.")
        attributes = members.get("attributes", {})
        if not isinstance(attributes, dict) or not all(
            isinstance(each, str) for each in attributes.values()
        ):
            raise Refused("attributes: expected an object with texts")
        data = _text(members, "data", "")
        if members.get("is_base64"):
            try:
                base64.b64decode(data, validate=True)
            except ValueError:
                raise Refused("data: expected base64") from None
        else:
            data = base64.b64encode(data.encode()).decode()
        if not data and not attributes:
            raise Refused("Expected data, or an attribute: an empty message cannot be published.")
        key = _text(members, "ordering_key", "")
        message = self._pubsub.publish(topic, data, attributes, key)
        return {"text": f"Published {message} to {topic}.", "message": message}

    def _pause(self, members: Mapping[str, Any]) -> Answer:
        from emulator.pubsub import protos

        name = _text(members, "name")
        subscriptions = self._subscriptions(name)
        for each in subscriptions:
            self._pubsub.set_push(each, protos.PushConfig())
            self._cloud.paused.add(each)
        return {"text": f"{name} is paused: {_keeps(subscriptions)}.", "paused": subscriptions}

    def _resume(self, members: Mapping[str, Any]) -> Answer:
        name = _text(members, "name")
        subscriptions = self._subscriptions(name)
        wanted = self._cloud.subscriptions()
        was_paused = not self._cloud.paused.isdisjoint(subscriptions)
        for each in subscriptions:
            self._pubsub.set_push(each, wanted[each].push_config)
            self._cloud.paused.discard(each)
        text = f"{name} goes on." if was_paused else f"{name} was not paused."
        return {"text": text, "resumed": subscriptions}

    def _subscriptions(self, name: str) -> list[str]:
        """Return the subscriptions of a function, or the one of that name."""
        topology = self._cloud.topology
        if name in topology.functions:
            found = [key for key, each in topology.subscriptions.items() if each.push_to == name]
            if found:
                return found
            if name not in topology.subscriptions:
                trigger = topology.functions[name].trigger
                called = "over HTTP" if trigger == "http" else f"by {trigger}"
                raise Refused(f"{name} is called {called}: only what has a queue can be paused.")
        known = [*topology.subscriptions, *(["notify"] if self._cloud.notify else [])]
        if name not in known:
            handlers = [each.push_to for each in topology.subscriptions.values()]
            names = ", ".join(dict.fromkeys([*handlers, *known]))
            raise Unknown(f"There is no function or subscription {name!r}: expected {names}.")
        return [name]

    def _scale(self, members: Mapping[str, Any]) -> Answer:
        name = self._function(members)
        count = members.get("instances")
        most = self._cloud.topology.functions[name].max_instances
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= most:
            hint = f" `pause {name}` lets its messages wait." if count == 0 else ""
            raise Refused(f"{name}: expected a number of instances from 1 to {most}.{hint}")
        self._expect_watched(name)
        before = self._cloud.instances[name]
        self._cloud.set_instances(name, count)
        if hasattr(signal, "SIGTTIN"):
            self._settle(name, before, count)
        else:  # on Windows the server cannot be told while it runs
            self._cloud.renew([each for each in self._cloud.functions() if each.name == name])
        now = self._count(name)
        text = f"{name}: {counted(count, 'instance')}, {before} before."
        if now != count:
            text += f" {now} at the moment: those that end finish their requests first."
        return {"text": text, "function": name, "instances": count, "running": now}

    def _settle(self, name: str, before: int, count: int) -> None:
        """Let the server of a function start or end processes until there are enough.

        The server takes one more, or one less, with each signal, and may overlook one that comes
        too soon after another.
        """
        for _ in range(count - before):
            now = self._count(name)
            if not self._cloud.send(name, signal.SIGTTIN):
                return  # it is being restarted, with the new number
            _wait(partial(self._has_more, name, now), _STEP_SECONDS)
        for _ in range(before - count):
            if not self._cloud.send(name, signal.SIGTTOU):
                return
            time.sleep(_STEP_DOWN_SECONDS)
        _wait(lambda: self._count(name) <= count, _STEP_SECONDS)
        if self._count(name) > count:
            waiting = (lambda: self._count(name) <= count, _LINGER_SECONDS, _STEP_DOWN_SECONDS)
            threading.Thread(target=_wait, args=waiting, daemon=True).start()

    def _has_more(self, name: str, count: int) -> bool:
        return self._count(name) > count

    def _count(self, name: str) -> int:
        self._flow.look(name, time.time())
        return len(self._flow.busy(name))

    def _kill(self, members: Mapping[str, Any]) -> Answer:
        name = self._function(members)
        self._expect_watched(name)
        self._flow.look(name, time.time())
        wanted = members.get("instance")
        found = [each for each in self._flow.busy(name) if wanted in (None, each[0])]
        if not found:
            which = "no instance" if wanted is None else f"no instance {wanted}"
            raise Unknown(f"{name} has {which} at the moment.")
        number, pid, busy = found[0]
        _kill(pid)
        at_work = f" with {counted(busy, 'request')} at work" if busy else ", which was idle"
        return {
            "text": f"Killed instance {number} of {name}{at_work}.",
            "function": name,
            "instance": number,
            "pid": pid,
            "requests": busy,
        }

    def _slow(self, members: Mapping[str, Any]) -> Answer:
        topology = self._cloud.topology
        jobs = [name for name, each in topology.functions.items() if each.trigger == "pubsub"]
        names = [self._function(members)] if "function" in members else jobs
        for name in names:
            if name not in jobs:
                raise Refused(f"{name} gets no messages: only jobs can be slowed down.")
            self._expect_watched(name)
        seconds = members.get("seconds")
        if (
            not isinstance(seconds, int | float)
            or isinstance(seconds, bool)
            or not 0 <= seconds <= MOST_SLOW
        ):
            raise Refused(f"seconds: expected a number from 0 to {MOST_SLOW:.0f}")
        try:
            for name in names:
                self._controls.set_slow(name, float(seconds))
        except OSError as error:
            raise Refused(f"{self._controls.path}: {error.strerror}", 500) from None
        whose = " and ".join(names)
        text = f"Each job of {whose} takes {seconds:g} seconds longer."
        return {"text": text if seconds else f"Jobs of {whose} take as long as they take."}

    def _send_poison(self, members: Mapping[str, Any]) -> Answer:
        return self._poison.send(_text(members, "subscription", ""))

    def _redeliver(self, members: Mapping[str, Any]) -> Answer:
        id = _text(members, "id")
        message = self._flow.message(id)
        if message is None:
            raise Unknown(
                f"{id}: no message of it was seen since `up` started. `sweep` publishes the jobs "
                "that were lost."
            )
        topic = message.topic or self._topic_of(message.subscription)
        if topic is None or message.data is None or message.attributes is None:
            raise Refused(f"{id}: its message was too large to be remembered.", 409)
        new = self._pubsub.publish(
            topic, message.data, own(message.attributes), message.ordering_key
        )
        return {"text": f"Published {id} to {topic} once more, as {new}.", "message": new}

    def _topic_of(self, subscription: str | None) -> str | None:
        known = self._cloud.topology.subscriptions.get(subscription or "")
        return known.topic if known else None

    def _requeue(self, members: Mapping[str, Any]) -> Answer:
        if members.get("all") is True:
            done = self.letters.requeue_all()
        else:
            done = self.letters.requeue_one(_text(members, "id"))
        topics = " and ".join(dict.fromkeys(each["topic"] for each in done))
        return {
            "text": f"Requeued {counted(len(done), 'dead letter')} to {topics}.",
            "requeued": done,
        }

    def _purge(self, members: Mapping[str, Any]) -> Answer:
        kept = letters_of(self._cloud.topology)
        if members.get("all") is True:
            names = [*self._cloud.topology.subscriptions, *kept]
        else:
            name = _text(members, "name")
            names = [name] if name in kept else self._subscriptions(name)
        before = self._pubsub.state()
        for name in names:
            self._pubsub.purge(name)
            if name in kept:
                self.letters.forget(name)
        count = None
        if before is not None:
            ends = [f"/subscriptions/{name}" for name in names]
            count = sum(
                each["waiting"] + each["in_flight"]
                for path, each in before["subscriptions"].items()
                if any(path.endswith(end) for end in ends)
            )
        dropped = "the messages" if count is None else counted(count, "message")
        return {"text": f"Dropped {dropped} of {', '.join(names)}.", "dropped": count}

    def _function(self, members: Mapping[str, Any]) -> str:
        name = _text(members, "function")
        if name not in self._cloud.topology.functions:
            known = ", ".join(self._cloud.topology.functions)
            raise Unknown(f"There is no function {name!r}: expected {known}.")
        return name

    def _expect_watched(self, name: str) -> None:
        if name in self._cloud.source.debuggers:
            raise Refused(f"{name} runs in a debugger: it is one process, and left alone.", 409)


def _kill(pid: int) -> None:
    """Kill a process; return when it has ended, or a moment later."""
    with suppress(ProcessLookupError):
        os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    _wait(lambda: not is_alive(pid), _STEP_SECONDS)


def _wait(condition: Callable[[], bool], seconds: float, pause: float = _POLL) -> None:
    """Wait until a condition is true, or for so long."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(pause)


def _text(members: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = members.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        raise Refused(f"{name}: expected a text")
    return value


def _keeps(subscriptions: list[str]) -> str:
    if len(subscriptions) == 1:
        return f"the subscription {subscriptions[0]} keeps its messages"
    return f"the subscriptions {', '.join(subscriptions)} keep their messages"
