"""A topology in a YAML or JSON file."""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from emulator.pubsub.errors import TopologyInvalid
from emulator.pubsub.topology.document import Topology, read_document


def read_file(path: Path | str) -> Topology:
    """Read a topology from a file: JSON if its name ends with `.json`, else YAML.

    Raises:
        TopologyInvalid: If it cannot be read, or is not a topology; the text names every place.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        document = _json(text) if path.suffix.lower() == ".json" else _yaml(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise TopologyInvalid([f"{path}: {' '.join(str(error).split())}"]) from error
    return read_document(document, str(path))


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is there twice")
    return found


def _yaml(text: str) -> Any:
    return yaml.load(text, _Loader)  # noqa: S506 - it is a SafeLoader


class _Loader(yaml.SafeLoader):
    """Refuses what YAML forbids and PyYAML accepts: a name twice, of which the last would win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Make a mapping of a node."""
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                problem = f"{key.value!r} is there twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
        return super().construct_mapping(node, deep)
