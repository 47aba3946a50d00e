import os
from itertools import pairwise

from emulator.parts.reload import snapshot
from tests import needs


def names(folder, ignored=()):
    return {os.path.relpath(path, folder) for path in snapshot(folder, ignored)}


def write(folder, *paths):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("x")


def test_code_templates_and_settings_are_watched_in_all_folders(tmp_path):
    watched = {"main.py", "a/b.py", "templates/page.html", "words.json", "requirements.txt"}
    write(tmp_path, *watched, "picture.jpg", "main.py.before", "guests.sqlite")
    assert names(tmp_path) == watched


@needs.posix("symbolic links")
def test_hidden_files_environments_caches_and_data_are_not_watched(tmp_path):
    write(tmp_path, "main.py", ".git/a.py", ".hidden.py", "__pycache__/a.py", "kept/a.json")
    write(tmp_path, "env/pyvenv.cfg", "env/lib/a.py", "node_modules/a.json")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert names(tmp_path, [tmp_path / "kept"]) == {"main.py"}


def test_a_change_of_time_or_size_and_a_new_or_deleted_file_are_seen(tmp_path):
    write(tmp_path, "main.py")
    states = [snapshot(tmp_path)]
    (tmp_path / "main.py").write_text("xx")
    states.append(snapshot(tmp_path))
    os.utime(tmp_path / "main.py", ns=(1, 1))
    states.append(snapshot(tmp_path))
    write(tmp_path, "words.py")
    states.append(snapshot(tmp_path))
    (tmp_path / "main.py").unlink()
    states.append(snapshot(tmp_path))
    assert all(one != other for one, other in pairwise(states))


@needs.posix("symbolic links")
def test_a_link_to_nothing_and_a_folder_that_is_gone_are_passed_over(tmp_path):
    (tmp_path / "main.py").symlink_to(tmp_path / "nothing.py")
    assert names(tmp_path) == set()
    assert snapshot(tmp_path / "gone") == {}
