"""The recipes of docs/clients.md do what they say."""

import re
import shutil
import subprocess
import sys

import pytest
import requests

from emulator.bootstrap import ROOT
from tests.pictures import ROCKET

PAGE = (ROOT / "docs" / "clients.md").read_text()


def recipes(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(url, tmp_path):
    """Return a folder with the clients that the page downloads."""
    for name, saved in (("quickthumb_client.py", None), ("quickthumb.js", "quickthumb.mjs")):
        assert f"/web/{name}" in PAGE
        content = requests.get(f"{url}/web/{name}", timeout=30).content
        (tmp_path / (saved or name)).write_bytes(content)
    return tmp_path


def run(folder, url, program, name, code, *arguments):
    (folder / name).write_text(code)
    command = [program, name, *map(str, arguments)]
    env = {"SERVICE": url}
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False
    )


def expect_image(printed, url):
    found = re.fullmatch(rf'<img src="{url}/(\w+)/256" srcset="(.*)">\n', printed)
    assert found, printed
    id, srcset = found.groups()
    assert srcset == f"{url}/{id}/256 256w, {url}/{id}/640 640w"
    status = requests.get(f"{url}/{id}", timeout=30).json()
    assert status["metadata"] == {"album": "7"}


def test_the_recipe_in_python_prints_an_image(folder, url):
    result = run(folder, url, sys.executable, "a.py", recipes("python")[0], ROCKET)
    assert result.returncode == 0, result.stderr
    expect_image(result.stdout, url)


def test_the_recipe_in_python_says_what_to_do_about_a_file_that_is_no_picture(folder, url):
    code = recipes("python")[0]
    result = run(folder, url, sys.executable, "a.py", code, ROOT / "README.md")
    assert result.returncode == 1
    assert "Unrecognised file format" in result.stderr
    assert "repeating it will not help" in result.stderr


def test_the_recipe_with_coroutines_makes_a_thumbnail_of_each_file(folder, url):
    code = recipes("python")[1]
    result = run(folder, url, sys.executable, "b.py", code, ROCKET, ROCKET, ROCKET)
    assert result.returncode == 0, result.stderr
    assert len(re.findall(r"^\w{32} \d{4,}$", result.stdout, re.MULTILINE)) == 3


def test_the_recipe_for_node_prints_an_image(folder, url):
    node = shutil.which("node")
    if not node:
        pytest.skip("needs Node.js 20 or newer (Debian: nodejs)")
    [code] = recipes("js")
    result = run(folder, url, node, "a.mjs", code, ROCKET)
    assert result.returncode == 0, result.stderr
    expect_image(result.stdout, url)


def test_the_page_lists_the_methods_that_both_clients_have():
    [table] = re.findall(r"\| Python \| JavaScript \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE)
    rows = [line.split("|")[1:3] for line in table.splitlines()]
    for column, name in enumerate(("quickthumb_client.py", "quickthumb.js")):
        code = (ROOT / "functions" / "quickthumb" / "web" / name).read_text()
        cells = [row[column] for row in rows]
        for method in re.findall(r"`(\w+)\(", " ".join(cells)):
            assert re.search(rf"^ +(async |def )*{method}\(", code, re.MULTILINE), method
