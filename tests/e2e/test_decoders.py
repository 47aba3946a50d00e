"""A picture that crashes its decoder, through real processes from the upload to its end."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from emulator.client import Client, Failed
from emulator.cloud import Cloud
from emulator.console import Console
from emulator.parts.functions import SOURCE
from emulator.topology_file import read_topology
from tests.e2e.deployed import bundle
from tests.pictures import picture

DEADLY = b"this picture crashes its decoder"
PLANTED = f"""

_sound = prepare


def prepare(data, renditions, limits):
    if {DEADLY} in data:
        import os, signal

        os.kill(os.getpid(), signal.SIGSEGV)
    return _sound(data, renditions, limits)
"""
"""A fatal bug of a decoder, for the end of the file that children run."""


class Planted(Cloud):
    """A cloud whose functions are a copy that has the bug."""

    def __init__(self, folder: Path, console: Console) -> None:
        self._copy = bundle(folder)
        with (self._copy / "quickthumb" / "kitchen" / "cook.py").open("a") as file:
            file.write(PLANTED)
        super().__init__(read_topology(), folder / "data", console)

    def function_part(self, *arguments):
        part = super().function_part(*arguments)
        main = str(self._copy / "main.py")
        return replace(
            part, command=[main if each == str(SOURCE) else each for each in part.command]
        )


@pytest.fixture(scope="module")
def log():
    return io.StringIO()


@pytest.fixture(scope="module")
def url(tmp_path_factory, log):
    with Planted(tmp_path_factory.mktemp("planted"), Console(verbose=True, out=log)) as cloud:
        yield cloud.addresses.upload


@pytest.mark.parametrize("served", [False, True], ids=["first", "after others"])
def test_a_picture_that_crashes_its_decoder_fails_at_its_first_delivery(url, log, tmp_path, served):
    sound, deadly = tmp_path / "sound.jpg", tmp_path / "deadly.jpg"
    sound.write_bytes(picture())
    deadly.write_bytes(picture() + DEADLY)  # what follows a JPEG is not looked at
    client = Client(url)
    if served:
        assert client.wait(client.upload(sound, {}), 60)["status"] == "done"
    id = client.upload(deadly, {})
    with pytest.raises(Failed, match="decoder crashed on this picture"):
        client.wait(id, 60)
    status = requests.get(f"{url}/{id}", timeout=30).json()
    assert (status["status"], status["error"]["code"]) == ("failed", "decoder-crashed")
    answer = requests.get(f"{url}/{id}/256", timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (422, "decoder-crashed")
    assert "killed by SIGSEGV" in log.getvalue()
    assert "retry later" not in log.getvalue()
    assert client.wait(client.upload(sound, {}), 60)["status"] == "done"
