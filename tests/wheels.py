"""Makes small packages, for tests of installations without a network."""

import hashlib
import zipfile

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
