"""Tests use what is public, so that whoever changes the inside of a module changes no test."""

import ast
from collections.abc import Iterator

from emulator.bootstrap import ROOT


def private_uses(tree: ast.AST) -> Iterator[int]:
    """Return the lines where code reaches for a private name of something that is not its own."""

    def is_private(name: str) -> bool:
        return name.startswith("_") and not name.startswith("__")

    for node in ast.walk(tree):
        match node:
            case ast.Attribute(
                value=ast.Name(id="self" | "cls") | ast.Call(func=ast.Name("super"))
            ):
                pass
            case ast.Attribute(attr="_exit" | "_replace"):
                pass  # public, whatever they are called
            case ast.Attribute(attr=name) if is_private(name):
                yield node.lineno
            case ast.Call(func=ast.Name("setattr" | "getattr") | ast.Attribute(attr="setattr")):
                names = [each.value for each in node.args if isinstance(each, ast.Constant)]
                if any(isinstance(n, str) and is_private(n.rpartition(".")[2]) for n in names):
                    yield node.lineno
            case ast.ImportFrom(module=module, names=names) if module and is_ours(module):
                if any(is_private(alias.name) for alias in names):
                    yield node.lineno


def is_ours(module: str) -> bool:
    return module.split(".")[0] in ("quickthumb", "emulator", "infra", "bench", "tests")


def test_no_test_reaches_into_private_state():
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for line in private_uses(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found


def test_a_private_name_is_seen_however_it_is_reached():
    for line in (
        "kitchen._idle",
        "self.kitchen._idle",
        "monkeypatch.setattr(walks, '_PATIENCE', 0)",
        "monkeypatch.setattr('quickthumb.walks._PATIENCE', 0)",
        "from quickthumb.walks import _PATIENCE",
    ):
        assert list(private_uses(ast.parse(line))) == [1]
    assert not list(private_uses(ast.parse("self._own, os._exit, kitchen.idle, x.__dict__")))
