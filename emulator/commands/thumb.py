"""`thumb`: makes thumbnails of files and folders through the whole pipeline."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn

from emulator.client import Client, Failed, Thumbnail
from emulator.cloud import Cloud
from emulator.console import Console
from emulator.data_folder import make_folder
from emulator.errors import InvalidOption
from emulator.formats import AUTO, OUTPUTS, THUMBNAIL_TYPES, checked, listed
from emulator.inputs import Input, find_inputs
from emulator.options import add_cloud_options, instances_of
from emulator.progress import progress_bar
from emulator.running import find
from emulator.topology_file import read_topology
from emulator.wording import counted

_AT_ONCE = 8
_JOB_SECONDS = 300.0
_OPTIONS = {
    "sizes": ("256,1024", "longest sides, pixels (default: 256)"),
    "fit": ("FIT", "contain (default) or cover"),
    "gravity": ("GRAVITY", "which part cover keeps: center (default), smart or face"),
    "focus": (
        "X,Y",
        "point that cover puts in the middle: shares of width and height, such as 0.5,0.25",
    ),
    "format": ("FORMAT", f"{AUTO} (default), {listed(list(OUTPUTS))}"),
    "quality": ("QUALITY", "1 to 100"),
    "background": ("COLOUR", "colour behind transparent pixels, such as ffffff"),
    "max_bytes": ("BYTES", "size limit of a thumbnail"),
}
"""What is sent with each picture: a name for the value, and help."""

Outcome = dict[str, Any]
"""The result of an input, as `--json` prints it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "inputs",
        nargs="+",
        type=Path,
        metavar="FILE|FOLDER",
        help="pictures, or folders of them",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for the thumbnails"
    )
    for name, (metavar, text) in _OPTIONS.items():
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=checked(name), metavar=metavar, help=text)
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    add_cloud_options(parser)


def run(args: argparse.Namespace) -> int:
    """Make the thumbnails; return 1 if an input failed."""
    inputs = find_inputs(args.inputs, args.out)
    if not inputs:
        raise InvalidOption("No pictures found.")
    make_folder(args.out, "--out")
    options = {name: value for name in _OPTIONS if (value := getattr(args, name)) is not None}
    addresses = find(args.data)
    with nullcontext(addresses.upload) if addresses else _service(args) as url:
        client = Client(url, os.environ.get("QUICKTHUMB_API_KEY", ""))
        outcomes = _all(
            inputs, lambda item: _one(client, item, args.out, options), stop=client.stop
        )
    if args.json:
        print(json.dumps(outcomes, indent=2))
    failed = sum(outcome["status"] == "failed" for outcome in outcomes)
    made = sum(len(outcome.get("thumbnails", ())) for outcome in outcomes)
    done = len(outcomes) - failed
    total = f"{counted(made, 'thumbnail')} of {counted(done, 'picture')} in {args.out}"
    print(total + (f"; {failed:,} failed" if failed else ""), file=sys.stderr)
    if addresses and done:
        print(
            f"The running `up` at {addresses.upload} made them, and keeps {_them(done)} in "
            f"{args.data}.",
            file=sys.stderr,
        )
    return 1 if failed else 0


def _them(pictures: int) -> str:
    return "picture and thumbnails" if pictures == 1 else "pictures and thumbnails"


@contextmanager
def _service(args: argparse.Namespace) -> Iterator[str]:
    """Yield the URL of a cloud that is started for this command."""
    topology = read_topology()
    instances = instances_of(args, topology)
    with tempfile.TemporaryDirectory(prefix="quickthumb-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with Cloud(topology, folder, Console(), broker=args.pubsub, instances=instances) as cloud:
            yield cloud.addresses.upload


def _one(client: Client, item: Input, out: Path, options: Mapping[str, str]) -> Outcome:
    """Upload a picture, and write its thumbnails when they are ready."""
    outcome: Outcome = {"input": str(item.path), "id": None}
    try:
        outcome["id"] = id = client.upload(item.path, options)
        thumbnails = client.thumbnails(client.wait(id, _JOB_SECONDS))
        files = [_write(out / item.stem, thumb) for thumb in thumbnails]
    except (Failed, OSError) as error:
        return outcome | {"status": "failed", "reason": str(error)}
    return outcome | {"status": "done", "thumbnails": files}


def _write(stem: Path, thumb: Thumbnail) -> dict[str, object]:
    extension = THUMBNAIL_TYPES[thumb.content_type].extensions[0]
    path = stem.with_name(f"{stem.name}_{thumb.name}.{extension}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(thumb.data)
    return {
        "path": str(path),
        "width": thumb.width,
        "height": thumb.height,
        "bytes": len(thumb.data),
        "content_type": thumb.content_type,
    }


def _all(
    inputs: list[Input], work: Callable[[Input], Outcome], stop: Callable[[], None]
) -> list[Outcome]:
    """Process several inputs at once, reporting each; return outcomes in the order of inputs.

    On an interrupt, `stop` is called to end the work in progress.
    """
    progress = progress_bar(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    terminal = progress.console
    with ThreadPoolExecutor(_AT_ONCE) as pool, progress:
        bar = progress.add_task("Pictures", total=len(inputs))
        try:
            futures = [pool.submit(work, item) for item in inputs]
            for future in as_completed(futures):
                outcome = future.result()
                progress.advance(bar)
                if outcome["status"] == "failed" or not terminal.is_terminal:
                    terminal.print(_line(outcome), markup=False, highlight=False, soft_wrap=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop()
            raise
    return [future.result() for future in futures]


def _line(outcome: Outcome) -> str:
    made = ", ".join(file["path"] for file in outcome.get("thumbnails", ()))
    return f"{outcome['input']}: {outcome.get('reason', made)}"
