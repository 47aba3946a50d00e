from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.errors import InvalidOption
from emulator.inputs import find_inputs
from quickthumb.imaging.formats import FORMATS, USUAL, sniff
from tests import needs
from tests.pictures import picture
from tests.unit.imaging.pictures import encoded, photo


def touch(path: Path, data: bytes | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture() if data is None else data)
    return path


def stems(inputs):
    return [str(item.stem) for item in inputs]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_a_file_gives_its_name_without_the_ending(tmp_path, out):
    assert stems(find_inputs([touch(tmp_path / "cat.jpg")], out)) == ["cat"]


def test_a_folder_gives_its_pictures_and_keeps_their_folders(tmp_path, out):
    for name in ("b.jpg", "a.png", "deep/c.webp"):
        touch(tmp_path / "in" / name)
    touch(tmp_path / "in" / "notes.md", b"# Notes")
    touch(tmp_path / "in" / "empty.jpg", b"")
    touch(tmp_path / "in" / ".thumbnails" / "x.jpg")
    assert stems(find_inputs([tmp_path / "in"], out)) == ["a", "b", str(Path("deep/c"))]


def test_a_file_named_by_the_user_is_taken_whatever_it_is(tmp_path, out):
    assert stems(find_inputs([touch(tmp_path / "notes.md", b"# Notes")], out)) == ["notes"]


def test_the_output_folder_is_no_input_of_the_second_run(tmp_path):
    touch(tmp_path / "cat.jpg")
    touch(tmp_path / "thumbs" / "cat_256.jpg")
    assert stems(find_inputs([tmp_path], tmp_path / "thumbs")) == ["cat"]


def test_pictures_of_the_same_stem_get_names_of_their_own(tmp_path, out):
    names = ("a/cat.jpg", "a/cat.png", "b/cat.jpg", "b/CAT.JPG")
    paths = [touch(tmp_path / name) for name in names]
    assert stems(find_inputs(paths, out)) == ["cat", "cat.png", "cat.jpg", "CAT.JPG-2"]


def test_no_thumbnail_takes_the_name_of_an_input(tmp_path):
    paths = [touch(tmp_path / "cat.jpg"), touch(tmp_path / "cat_256.jpg")]
    assert stems(find_inputs(paths, tmp_path)) == ["cat.jpg", "cat_256"]


def test_a_picture_named_twice_is_taken_once(tmp_path, out):
    path = touch(tmp_path / "in" / "cat.jpg")
    assert len(find_inputs([path, tmp_path / "in"], out)) == 1


def test_a_name_that_is_not_there_is_told(tmp_path, out):
    with pytest.raises(InvalidOption, match=r"nothing\.jpg: no such file"):
        find_inputs([tmp_path / "nothing.jpg"], out)


@given(st.lists(st.sampled_from(["a/x.jpg", "b/x.jpg", "a/x.png", "a/x", "b/X.jpg", "a/x_1.jpg"])))
def test_no_two_inputs_share_a_stem(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("inputs")
    inputs = find_inputs([touch(folder / name) for name in names], folder / "out")
    keys = [stem.casefold() for stem in stems(inputs)]
    assert len(set(keys)) == len(keys) == len(set(names))


@needs.posix("symbolic links")
def test_an_unreadable_entry_of_a_folder_does_not_hide_the_others(tmp_path, out, monkeypatch):
    touch(tmp_path / "in" / "a.jpg")
    locked = touch(tmp_path / "in" / "locked.jpg")
    (tmp_path / "in" / "loop").symlink_to("loop")
    opened = Path.open

    def refuse(path, *arguments, **options):
        if path == locked:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    assert stems(find_inputs([tmp_path / "in"], out)) == ["a", "locked"]


def test_a_folder_gives_every_picture_that_the_service_takes(tmp_path, out):
    # The brand of its container may be a general one, followed by what it is.
    avif = b"\0\0\0\x18ftypmiaf\0\0\0\0miafavif"
    heads = {
        "bigtiff": b"II+\0\x08\0\0\0",
        "heim": b"\0\0\0\x14ftypheim\0\0\0\0heim",
        "miaf": avif,
        **{each.name: encoded(photo(8, 8), each.name.upper()) for each in USUAL},
    }
    for name, head in heads.items():
        touch(tmp_path / "in" / name, head)
        probed = sniff(head)
        assert probed in FORMATS
    touch(tmp_path / "in" / "video", avif.replace(b"miaf", b"isom").replace(b"avif", b"mp42"))
    assert stems(find_inputs([tmp_path / "in"], out)) == sorted(heads)
