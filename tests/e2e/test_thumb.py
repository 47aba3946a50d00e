"""The command `thumb`."""

import io
import json
import os
import struct
from pathlib import Path

import pytest
from PIL import Image

from tests import needs
from tests.e2e.commands import run
from tests.pictures import ROCKET, SAMPLES, picture


@pytest.fixture
def data(shared_up):
    """Give the data folder of a running cloud, so that not each test starts its own."""
    return shared_up.data


def test_a_folder_becomes_thumbnails_with_a_cloud_of_its_own(tmp_path):
    out = tmp_path / "thumbs"
    result = run(
        *("thumb", SAMPLES, "--out", out, "--sizes", "256,1024", "--data", tmp_path / "d"),
        env={"PATH": str(tmp_path)},  # on which there is no Java and no gcloud
    )
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in out.iterdir()) == sorted(
        f"{path.stem}_{size}.jpg"
        for path in SAMPLES.iterdir()
        if path.suffix in (".jpg", ".png")
        for size in (256, 1024)
    )
    assert result.stdout == ""
    assert f"10 thumbnails of 5 pictures in {out}" in result.stderr
    assert not (tmp_path / "d").exists()


def test_named_renditions_become_files_of_their_names(tmp_path):
    result = run(
        *("thumb", ROCKET, "--out", tmp_path / "out", "--data", tmp_path / "data"),
        env={"QUICKTHUMB_RENDITIONS": "small:64,cover:40x30:cover:webp"},
    )
    assert result.returncode == 0, result.stderr
    sizes = {path.name: Image.open(path).size for path in (tmp_path / "out").iterdir()}
    assert sizes == {"rocket_small.jpg": (64, 43), "rocket_cover.webp": (40, 30)}


def test_a_picture_that_no_request_can_carry_is_sent_another_way(tmp_path, data):
    path = tmp_path / "large.bmp"
    Image.linear_gradient("L").convert("RGB").resize((4000, 3000)).save(path)
    assert path.stat().st_size > 32 * 2**20
    result = run(
        *("thumb", path, "--out", tmp_path / "out", "--sizes", "64,128", "--fit", "cover"),
        *("--data", data),
    )
    assert result.returncode == 0, result.stderr
    sizes = {Image.open(path).size for path in (tmp_path / "out").iterdir()}
    assert sizes == {(64, 64), (128, 128)}


def test_what_failed_is_told_one_line_each_and_the_others_are_made(tmp_path, data):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty.jpg").write_bytes(b"")
    inputs = [ROCKET, tmp_path / "notes.txt", tmp_path / "empty.jpg"]
    result = run("thumb", *inputs, "--out", tmp_path / "out", "--data", data)
    assert result.returncode == 1
    assert f"{tmp_path / 'notes.txt'}: " in result.stderr
    assert f"{tmp_path / 'empty.jpg'}: The file is empty." in result.stderr
    assert f"1 thumbnail of 1 picture in {tmp_path / 'out'}; 2 failed\n" in result.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["rocket_256.jpg"]


def test_json_tells_what_was_made_and_what_not(tmp_path, data):
    (tmp_path / "notes.txt").write_text("hello")
    out = tmp_path / "out"
    result = run(
        *("thumb", ROCKET, tmp_path / "notes.txt", "--out", out),
        *("--sizes", "64", "--fit", "cover", "--format", "webp", "--json", "--data", data),
    )
    assert result.returncode == 1
    made, failed = json.loads(result.stdout)
    [thumb] = made["thumbnails"]
    assert made["status"] == "done"
    assert thumb["path"] == str(out / "rocket_64.webp")
    assert Image.open(thumb["path"]).size == (thumb["width"], thumb["height"]) == (64, 64)
    assert failed["status"] == "failed"
    assert failed["reason"].endswith(".")


def test_pictures_of_the_same_name_do_not_overwrite_each_other(tmp_path, data):
    for folder, width in (("a", 40), ("b", 30)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "cat.jpg").write_bytes(picture(width, 20))
    inputs = [tmp_path / "a" / "cat.jpg", tmp_path / "b" / "cat.jpg"]
    result = run("thumb", *inputs, "--out", tmp_path / "out", "--data", data)
    assert result.returncode == 0, result.stderr
    widths = {path.name: Image.open(path).width for path in (tmp_path / "out").iterdir()}
    assert widths == {"cat_256.jpg": 40, "cat.jpg_256.jpg": 30}


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["nothing.jpg", "--out", "x"], 1, "nothing.jpg: no such file or folder"),
        (["bench", "--out", "x"], 1, "No pictures found"),
        ([ROCKET, "--out", "README.md"], 1, "--out README.md: File exists"),
        ([ROCKET], 2, "--out"),
        ([ROCKET, "--out", "x", "--pubsub", "redis"], 2, "embedded"),
    ],
)
def test_a_wrong_command_line_is_told(tmp_path, data, arguments, status, message):
    result = run("thumb", *arguments, "--data", data)
    assert result.returncode == status
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--sizes", "0", "argument --sizes: '0': expected sizes from 1 to 4096 pixels"),
        ("--sizes", "big", "argument --sizes: 'big': expected whole numbers of pixels"),
        ("--format", "bmp", "argument --format: 'bmp': expected auto, jpeg"),
        ("--max-bytes", "1", "argument --max-bytes: '1': expected a whole number from 1000"),
    ],
)
def test_a_wrong_option_is_one_error_before_anything_starts(tmp_path, option, value, message):
    out, data = tmp_path / "out", tmp_path / "data"
    result = run("thumb", ROCKET, "--out", out, option, value, "--data", data)
    assert result.returncode == 2
    assert result.stderr.count("error") == 1
    assert message in result.stderr
    assert not out.exists()


def test_what_stays_in_a_running_up_is_told(tmp_path, shared_up):
    result = run("thumb", ROCKET, "--out", tmp_path, "--data", shared_up.data)
    assert result.stderr.splitlines() == [
        f"{ROCKET}: {tmp_path / 'rocket_256.jpg'}",
        f"1 thumbnail of 1 picture in {tmp_path}",
        f"The running `up` at {shared_up.url('upload')} made them, and keeps picture and "
        f"thumbnails in {shared_up.data}.",
    ]


def test_a_warning_of_a_library_about_a_picture_that_came_out_well_is_not_shown(tmp_path):
    odd, out = tmp_path / "odd.jpg", tmp_path / "out"
    entries = struct.pack(">HHHLHH", 2, 0x112, 3, 1, 1, 0) + struct.pack(">HHLL", 0x10F, 2, 999, 99)
    odd.write_bytes(picture(40, 30, exif=b"Exif\0\0MM\0*\0\0\0\x08" + entries))
    with pytest.warns(UserWarning, match="Tag data larger than file|Corrupt EXIF data"):
        dict(Image.open(io.BytesIO(odd.read_bytes())).getexif())
    result = run("thumb", odd, "--out", out, "--data", tmp_path / "data")
    assert result.stderr.splitlines() == [
        f"{odd}: {out / 'odd_256.jpg'}",
        f"1 thumbnail of 1 picture in {out}",
    ]


@needs.linux("names that are not Unicode")
def test_a_name_that_is_not_unicode_is_no_obstacle(tmp_path, data):
    (tmp_path / "in").mkdir()
    Path(os.fsdecode(bytes(tmp_path) + b"/in/caf\xe9.jpg")).write_bytes(ROCKET.read_bytes())
    result = run("thumb", tmp_path / "in", "--out", tmp_path / "out", "--data", data, "--json")
    assert result.returncode == 0, result.stderr
    [made] = (tmp_path / "out").iterdir()
    assert os.fsencode(made.name) == b"caf\xe9_256.jpg"
    assert json.loads(result.stdout)[0]["status"] == "done"
