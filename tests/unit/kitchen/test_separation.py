"""Which process loads what: the one that answers requests no decoder, a child all of them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def run(code: str) -> str:
    """Run a program in a process of its own, with the modules of functions and tests."""
    paths = [str(ROOT), str(ROOT / "functions")]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths}\n{code}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_process_of_resize_loads_nothing_that_decodes():
    code = """
import json
from quickthumb.jobs import Rendition, new_id
from quickthumb.kitchen import Kitchen
from quickthumb.messaging import Message
from quickthumb.resize import resize
from quickthumb.settings import Settings
from quickthumb.store import Store
from pathlib import Path

class Bucket(dict):  # the tests' own are for processes that may decode
    name = "originals"
    def create(self, name, data, *_):
        self[name] = data
        return 1
    def read(self, name, generation=None):
        return self.get(name)
    def write(self, name, data, *_):
        self[name] = data
    def stat(self, name):
        return self.get(name)

class Topic:
    def publish(self, data, **attributes):
        print(attributes["state"])

settings = Settings("originals", "processed", "requests", "u", "c")
store = Store(Bucket(), Bucket())
data = Path("tests/fixtures/samples/rocket.jpg").read_bytes()
job = store.keep_original(new_id(), data, "image/jpeg", "a.jpg", (Rendition.square(32),))
kitchen = Kitchen(settings.limits)
resize(Message(job.to_json(), {}, "1", 1), store, Topic(), settings, kitchen)
kitchen.close()
decoders = ("PIL", "pillow_heif", "_pillow_heif", "pyvips", "quickthumb.imaging")
print([name for name in sys.modules if name in decoders])
"""
    assert run(f"import os; os.chdir({str(ROOT)!r})\n{code}").splitlines() == ["done", "[]"]


def test_a_warm_child_loads_nothing_more():
    code = """
import warnings
from quickthumb.errors import Unprocessable
from quickthumb.imaging.render import render
from quickthumb.kitchen.cook import prepare
from quickthumb.limits import Limits
from tests.contract.test_kitchen import ALL, PICTURES
from tests.unit.kitchen.pictures import OF_DECODER

asked = [(data, ALL) for data in PICTURES.values()]
asked += [make() for make in OF_DECODER.values()]
asked += [(data[: len(data) // 2], renditions) for data, renditions in asked]
prepare()
seen = []
sys.addaudithook(lambda event, args: seen.append((event, args[0])) if event in WATCHED else None)
for data, renditions in asked:
    try:
        render(data, renditions, Limits())
    except Unprocessable:
        pass
print(seen)
"""
    watched = {"import", "open", "ctypes.dlopen", "socket.__new__", "subprocess.Popen"}
    assert run(f"WATCHED = {watched}\n{code}") == "[]"


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_child_holds_no_more_after_many_pictures_than_after_some():
    code = """
from pathlib import Path
from quickthumb.errors import Unprocessable
from quickthumb.kitchen import Kitchen
from quickthumb.limits import Limits
from tests.contract.test_kitchen import ALL, PICTURES
from tests.pictures import picture

large = [picture(3000, 2500), picture(3000, 2500, "PNG"), picture(2000, 2000, "WEBP")]
kitchen = Kitchen(Limits())

def held():
    for data in [*PICTURES.values(), *large]:
        kitchen.render(data, ALL)
    [child] = kitchen._idle
    status = Path(f"/proc/{child.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])

some = held()
for _ in range(4):
    most = held()
kitchen.close()
print(some, most)
"""
    some, most = map(int, run(code).split())
    assert most < some + 10_000  # kilobytes
