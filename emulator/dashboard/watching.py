"""What a cloud needs in order to be watched and steered."""

import time
from dataclasses import dataclass
from pathlib import Path

from emulator.alive import is_alive
from emulator.dashboard.controls import Controls
from emulator.dashboard.flow import Flow
from emulator.dashboard.heard import Heard, HeardStorage
from emulator.dashboard.records import Role
from emulator.project import bucket_name
from emulator.topology import Topology


@dataclass(frozen=True)
class Watching:
    """The flow of a cloud, and the controls of its functions."""

    flow: Flow
    controls: Controls

    @classmethod
    def of(cls, topology: Topology, folder: Path) -> "Watching":
        """Return what watches a topology; its file is in the data folder."""
        dead = {
            each.dead_letter.topic for each in topology.subscriptions.values() if each.dead_letter
        }
        burying = {each.push_to for each in topology.subscriptions.values() if each.topic in dead}
        roles = {
            name: Role(function.trigger, handles_dead=name in burying)
            for name, function in topology.functions.items()
        }
        # Who handles dead letters would get the poison again and again.
        mortal = [name for name, role in roles.items() if not role.handles_dead]
        return cls(Flow(roles, is_alive), Controls(folder, mortal))

    def hear(self, function: str) -> Heard:
        """Return what hears the lines of a function."""
        return Heard(self.flow, function)

    def hear_storage(self, topology: Topology) -> HeardStorage:
        """Return what hears the lines of the front of storage."""
        names = {bucket_name(name, topology.project): name for name in topology.buckets}
        return HeardStorage(self.flow, names)

    def look(self, function: str) -> None:
        """Notice which processes of a function have ended."""
        self.flow.look(function, time.time())


def letters_of(topology: Topology) -> dict[str, str]:
    """Return the topics of dead letters, by name of the subscription that keeps them."""
    found: dict[str, str] = {}
    taken = {*topology.subscriptions, "notify"}
    for subscription in topology.subscriptions.values():
        if subscription.dead_letter and subscription.dead_letter.topic not in found.values():
            topic = subscription.dead_letter.topic
            name = f"{topic}-letters"
            while name in taken:
                name += "-kept"
            taken.add(name)
            found[name] = topic
    return found
