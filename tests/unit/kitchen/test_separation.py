"""The process that serves requests loads no decoder; a child loads all of them."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from quickthumb.documents.rendition import Rendition
from quickthumb.kitchen import Kitchen
from quickthumb.limits import Limits
from tests import needs
from tests.unit.imaging.pictures import encoded

pytestmark = pytest.mark.slow

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
from quickthumb.documents.names import new_id
from quickthumb.documents.rendition import Rendition
from quickthumb.kitchen import Kitchen
from quickthumb.messaging import Message
from quickthumb.resize import resize
from tests.settings import settings_with
from quickthumb.store import Store
from pathlib import Path

class Bucket(dict):  # the tests' own are for processes that may decode
    name = "originals"
    def create(self, name, data, *_):
        self[name] = data
        return 1
    def read(self, name, generation=None):
        return self.get(name)
    def write(self, name, data, *_, if_generation=None):
        self[name] = data
        return True
    def stat(self, name):
        return self.get(name)

class Topic:
    def publish(self, data, **attributes):
        print(attributes["state"])

settings = settings_with()
store = Store(Bucket(), Bucket())
data = Path("tests/fixtures/samples/rocket.jpg").read_bytes()
job = store.originals.keep(new_id(), data, "image/jpeg", "a.jpg", (Rendition.square(32),))
kitchen = Kitchen(settings.limits)
resize(Message(job.to_json(), {}, "1", 1), store, Topic(), settings, kitchen)
kitchen.close()
decoders = ("PIL", "pillow_heif", "_pillow_heif", "pyvips")
ours = ("render", "decoders", "engines", "encode")
decoders += tuple(f"quickthumb.imaging.{name}" for name in ours)
print([name for name in sys.modules if name in decoders])
"""
    assert run(f"import os; os.chdir({str(ROOT)!r})\n{code}").splitlines() == ["done", "[]"]


def test_a_warm_child_loads_nothing_more():
    code = """
import warnings
from quickthumb.problems import Unprocessable
from quickthumb.imaging.render import render
from quickthumb.kitchen.cook import load
from quickthumb.limits import Limits
from tests.contract.test_kitchen import ALL, PICTURES
from tests.unit.kitchen.pictures import OF_DECODER

asked = [(data, ALL) for data in PICTURES.values()]
asked += [make() for make in OF_DECODER.values()]
asked += [(data[: len(data) // 2], renditions) for data, renditions in asked]
load()
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


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"progressive": True}),
        ("PNG", {"compress_level": 1}),
        ("WEBP", {"method": 0}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("GIF", {}),
    ],
)
def test_the_largest_pictures_fit_into_what_a_child_is_granted(kind, options):
    side = int(Limits().max_pixels ** 0.5)
    image = Image.linear_gradient("L").resize((side, side)).convert("P" if kind == "GIF" else "RGB")
    kitchen = Kitchen(replace(Limits(), max_seconds=600))
    made = kitchen.render(encoded(image, kind, **options), [Rendition.square(256)])
    assert (made.source.width, made.thumbnails[0].width) == (side, 256)
    kitchen.close()


@needs.linux("/proc")
def test_a_child_gives_back_what_a_large_picture_took():
    code = """
from pathlib import Path
from quickthumb.documents.rendition import Rendition
from quickthumb.kitchen import Kitchen
from quickthumb.limits import Limits
from tests.unit.imaging.pictures import encoded, photo

kitchen = Kitchen(Limits(max_seconds=600))

def held(*pictures):
    renditions = [Rendition.square(2000), Rendition("it", 1500, 1500, "cover", format="webp")]
    for data in pictures:
        kitchen.render(data, renditions)
    [child] = kitchen.idle
    status = Path(f"/proc/{child.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])

large = photo(3000, 2500)
small = encoded(large.resize((60, 50)), "JPEG")
print(held(small), held(*(encoded(large, kind) for kind in ("JPEG", "BMP", "WEBP"))))
kitchen.close()
"""
    before, after = map(int, run(code).split())
    assert after < before + 50_000  # kilobytes, of 100,000 that glibc would keep by itself
