"""Measures uploads and thumbnails through the whole cloud: `.venv/bin/python -m bench.pipeline`.

Starts a cloud with each broker in turn and uploads 100 JPEGs of about 0.8 MB, one at a time and
eight at a time. Prints the median time of an upload, and the thumbnails per second from the first
upload to the last thumbnail.
"""

import argparse
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from emulator.bootstrap import ROOT
from emulator.client import Client
from emulator.cloud import Cloud
from emulator.console import Console
from emulator.parts.pubsub import Broker
from emulator.topology_file import read_topology

SAMPLES = ROOT / "tests" / "fixtures" / "samples"
UPLOADS = 100
PROCESSORS = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.pipeline", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="default %(default)s")
    rounds = parser.parse_args(argv).rounds
    print(f"{'broker':10} {'at once':>7} {'upload p50':>12} {'thumbnails/s':>13}")
    brokers: tuple[Broker, ...] = ("embedded", "official")
    for broker in brokers:
        with tempfile.TemporaryDirectory(prefix="quickthumb-") as folder:
            picture = Path(folder) / "picture.jpg"
            picture.write_bytes(mosaic())
            cloud = Cloud(
                read_topology(),
                Path(folder),
                Console(),
                broker=broker,
                instances={"resize": PROCESSORS},
            )
            with cloud:
                client = Client(cloud.addresses.upload)
                for at_once in (1, 8):
                    measured = [_round(client, picture, at_once) for _ in range(rounds)]
                    p50, rate = (
                        statistics.median(figure) for figure in zip(*measured, strict=True)
                    )
                    print(f"{broker:10} {at_once:7} {p50 * 1000:9.1f} ms {rate:13.1f}", flush=True)
    return 0


def mosaic() -> bytes:
    """Return a JPEG of about 0.8 MB: samples side by side at their own resolution."""
    whole = Image.new("RGB", (2000, 1472))
    hubble = Image.open(SAMPLES / "hubble_deep_field.jpg")
    coffee = Image.open(SAMPLES / "coffee.png").convert("RGB")
    for left in (0, 1000):
        whole.paste(hubble, (left, 0))
    for left in range(0, 2000, 600):
        for top in (872, 1272):
            whole.paste(coffee, (left, top))
    out = io.BytesIO()
    whole.save(out, "JPEG", quality=90)
    return out.getvalue()


def _round(client: Client, picture: Path, at_once: int) -> tuple[float, float]:
    """Return the median seconds of an upload, and thumbnails per second."""

    def upload(_: int) -> tuple[float, str]:
        started = time.perf_counter()
        id = client.upload(picture, {})
        return time.perf_counter() - started, id

    started = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        uploads = list(pool.map(upload, range(UPLOADS)))
        list(pool.map(lambda item: client.wait(item[1], 120), uploads))
    seconds = time.perf_counter() - started
    return statistics.median(taken for taken, _ in uploads), UPLOADS / seconds


if __name__ == "__main__":
    sys.exit(main())
