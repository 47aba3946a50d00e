"""Schemas, topics and subscriptions that are there from the start: from a file, or from variables.

`document` reads and checks, `file` and `variables` are where a document comes from, and `apply`
creates what it names.
"""

from emulator.pubsub.topology.apply import apply
from emulator.pubsub.topology.document import Topology, read_document
from emulator.pubsub.topology.file import read_file
from emulator.pubsub.topology.variables import read_variables

__all__ = ["Topology", "apply", "read_document", "read_file", "read_variables"]
