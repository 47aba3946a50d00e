"""Makes small packages, for tests of installations without a network."""

import hashlib
import zipfile
from email.parser import Parser
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OPTIONS = "--no-index\n--find-links wheels\n--only-binary :all:\n--require-hashes\n"
"""Head of a lock with local wheels."""


def make_wheel(project, name, content="", files=(), requires=()):
    """Make version 1 of a package in the folder `wheels`; return its line in a lock.

    Args:
        project: folder of the lock.
        name: of the package, and of its module.
        content: of the module.
        files: further files, by name.
        requires: names of required packages.
    """
    folder = project / "wheels"
    folder.mkdir(exist_ok=True)
    info = f"{name}-1.dist-info"
    needs = "".join(f"Requires-Dist: {need}\n" for need in requires)
    contents = {
        f"{name}.py": content,
        **dict(files),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    contents[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*contents, f"{info}/RECORD"])
    wheel = folder / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in contents.items():
            archive.writestr(path, data)
    return f"{name}==1 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def repack(names, folder):
    """Make wheels again of installed packages, and of all that they require.

    So an empty environment can get them by `pip install --no-index`.

    Args:
        names: of the packages.
        folder: for the wheels.
    """
    done = set()
    queue = [canonicalize_name(name) for name in names]
    for name in queue:
        if name in done:
            continue
        done.add(name)
        distribution = metadata.distribution(name)
        requirements = map(Requirement, distribution.requires or ())
        queue += [
            canonicalize_name(each.name)
            for each in requirements
            if each.marker is None or each.marker.evaluate({"extra": ""})
        ]
        tags = Parser().parsestr(distribution.read_text("WHEEL")).get_all("Tag")
        kind = ".".join(dict.fromkeys(tag.rpartition("-")[2] for tag in tags))
        python, abi, _ = tags[0].split("-")
        wheel = f"{name.replace('-', '_')}-{distribution.version}-{python}-{abi}-{kind}.whl"
        with zipfile.ZipFile(folder / wheel, "w") as archive:
            for file in distribution.files:
                if ".." not in file.parts and "__pycache__" not in file.parts:
                    archive.write(file.locate(), str(file))
