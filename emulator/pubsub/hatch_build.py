"""Builds the wheel: the package that is `emulator.pubsub` here is `pubsub_emulator` there."""

import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = "emulator.pubsub"
THERE = "pubsub_emulator"

_NAME = re.compile(rf"\b{re.escape(HERE)}\b")


class NamePackage(BuildHookInterface):  # type: ignore[misc]
    """Gives every module its name in the wheel, where it is imported and where it is mentioned."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the modules to a wheel.

        Raises:
            NotImplementedError: If it is to be editable: the sources have another name.
        """
        if version == "editable":
            raise NotImplementedError(
                f"an editable installation is not possible; install it normally, or import {HERE}"
            )
        self._folder = TemporaryDirectory()
        source, named = Path(self.root), Path(self._folder.name)
        for file in _files(source):
            copy = named / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(_NAME.sub(THERE, file.read_text(encoding="utf-8")), encoding="utf-8")
        build_data["force_include"][str(named)] = THERE

    def finalize(self, *_: object) -> None:
        """Remove the copies."""
        self._folder.cleanup()


def _files(source: Path) -> Iterator[Path]:
    """Yield the files of the package."""
    for file in [*source.rglob("*.py"), source / "py.typed"]:
        hidden = any(part.startswith(".") for part in file.relative_to(source).parts)
        if not hidden and file.name != Path(__file__).name:
            yield file
