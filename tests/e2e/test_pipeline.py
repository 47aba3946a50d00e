"""bench.pipeline, in its shortest form, and that its peers do what they are measured at."""

import io
import re

import pytest
import requests
from PIL import Image

from bench import pipeline
from bench.contestants import CONTESTANTS, missing
from bench.imaging_inputs import photograph
from bench.rounds import OFTEN, Client

LACK = missing("RQ SimpleWorker, folder")

pytestmark = [
    pytest.mark.skipif(bool(LACK), reason=LACK),
    pytest.mark.xdist_group("peers"),
]


@pytest.mark.parametrize("name", ["RQ SimpleWorker, folder", "RQ Worker, bucket"])
def test_a_peer_makes_thumbnails(name, tmp_path):
    with CONTESTANTS[name](tmp_path) as running:
        client = Client(running, photograph())
        answered = client.upload(2)
        client.wait([each.id for each in answered], OFTEN)
        for each in answered:
            url = f"http://127.0.0.1:{running.port}/thumbnail/{each.id}"
            answer = requests.get(url, timeout=10)
            with Image.open(io.BytesIO(answer.content)) as image:
                assert (image.format, *image.size) == ("JPEG", 256, 188)


def test_a_job_that_failed_is_not_counted_as_done(tmp_path):
    with CONTESTANTS["RQ SimpleWorker, folder"](tmp_path) as running:
        client = Client(running, b"no picture at all")
        (answered,) = client.upload(1)
        with pytest.raises(RuntimeError, match=f"{answered.id} is failed"):
            client.wait([answered.id], OFTEN)


def test_all_figures_are_measured_and_drawn(tmp_path, capsys):
    plot = tmp_path / "pipeline"
    only = "^QuickThumb$|^RQ SimpleWorker, bucket$"
    assert pipeline.main(["--quick", "--only", only, "--plot", str(plot)]) == 0
    rows = dict(
        re.findall(r"^\| ([^|]+) \| (.*) \|$", capsys.readouterr().out, re.MULTILINE),
    )
    both = {name: row for name, row in rows.items() if re.fullmatch(r"\S+ \| \S+ \(\S+\)", row)}
    assert {
        "peak memory, MB",
        "upload p50, concurrency 1, ms",
        "upload p99, concurrency 8, ms",
        "thumbnails per second, concurrency 8",
        "upload to thumbnail, ms",
        "CPU per picture, ms",
        "CPU per picture, storage, ms",
    } <= both.keys()
    for ours, theirs, ratio in (re.findall(r"[\d.]+", row) for row in both.values()):
        assert float(ratio) == pytest.approx(float(ours) / float(theirs), rel=0.2)
    assert {"CPU per picture, resize, ms", "CPU per picture, worker, ms"} <= rows.keys()
    for theme in ("light", "dark"):
        assert "RQ SimpleWorker, bucket" in (tmp_path / f"pipeline-{theme}.svg").read_text()
