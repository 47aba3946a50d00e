"""What a dead letter is said to have died of."""

import pytest

from emulator.dashboard.letters import Letters
from emulator.dashboard.watching import letters_of
from emulator.topology_file import read_topology
from tests.unit.dashboard.story import ID, Story, encoded


class Broker:
    """A broker that keeps one dead letter of `resize`."""

    def peek(self, subscription, most):
        attributes = {
            "CloudPubSubDeadLetterSourceSubscription": "resize",
            "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        }
        data = encoded({"id": ID})
        kept = {"message": "m9", "attributes": attributes, "data": data}
        return [{**kept, "published": "1000.0", "ordering_key": ""}]


@pytest.fixture
def story():
    """A story of a job that has died as its process was killed."""
    story = Story()
    story.publishes()
    job = story.begins(attempt=5)
    story.alive.discard(1)
    story.flow.look("resize", story.tick())
    story.tells("dead", attempt=5, problem="no answer", topic="projects/p/topics/dead", letter="m9")
    story.ends(job)
    return story


@pytest.fixture
def letters(story):
    known = read_topology()
    return Letters(known, letters_of(known), Broker(), story.flow)


def test_a_letter_tells_what_the_broker_and_the_function_say_of_the_failure(letters):
    [letter] = letters.listing()
    assert letter["problem"] == "no answer (its process ended)"
    assert (letter["attempts"], letter["subscription"]) == (5, "resize")


def test_a_function_that_is_told_of_the_letter_changes_nothing_in_what_it_tells(story, letters):
    story.ends(story.begins("bury", pid=3, message="m9"))
    [letter] = letters.listing()
    assert letter["problem"] == "no answer (its process ended)"
