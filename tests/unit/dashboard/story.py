"""A flow that is told of one upload, a second at a time."""

import base64
import json

from emulator.dashboard.flow import Flow
from emulator.dashboard.records import Role

ID = "9c71239db089878a8c1fd34d0dcd9572"
RESIZE = "projects/p/subscriptions/resize"
ROLES = {
    "upload": Role("http"),
    "resize": Role("pubsub"),
    "bury": Role("pubsub", handles_dead=True),
}


def encoded(document) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


class Story:
    """A flow that is told a story, a second at a time."""

    def __init__(self) -> None:
        self.alive = {1, 2, 3}
        self.flow = Flow(ROLES, lambda pid: pid in self.alive)
        self.now = 1000.0
        self.requests = 0

    def tick(self) -> float:
        self.now += 1
        return self.now

    def publishes(self, message="m1", topic="uploads", data=None, **attributes):
        self.flow.told(
            {
                "kind": "published",
                "topic": f"projects/p/topics/{topic}",
                "message": message,
                "attributes": attributes,
                "ordering_key": "",
                "size": 9,
                "data": encoded({"id": ID}) if data is None else data,
                "time": self.tick(),
            }
        )

    def tells(self, kind, message="m1", attempt=1, **members):
        event = {"kind": kind, "subscription": RESIZE, "message": message, "attempt": attempt}
        self.flow.told({**event, "time": self.tick(), **members})

    def begins(self, function="resize", pid=1, message="m1", attempt=None, data=None) -> str:
        self.requests += 1
        told = {
            "id": message,
            "attempt": attempt,
            "attributes": {},
            "data": encoded({"id": ID}) if data is None else data,
            "subscription": RESIZE,
        }
        id = f"{pid}-{self.requests}"
        self.flow.began(function, id, pid, self.tick(), "POST", "/", told)
        return id

    def calls(self, method="POST", path="/", pid=2) -> str:
        self.requests += 1
        self.flow.began("upload", f"{pid}-{self.requests}", pid, self.tick(), method, path)
        return f"{pid}-{self.requests}"

    def ends(self, request, status=200):
        self.flow.ended(request, self.tick(), status, 0.25)

    @property
    def state(self):
        return self.flow.life(ID)["state"]

    def kinds(self):
        return [event["kind"] for event in self.flow.life(ID)["entries"]]
