"""Which module may import which: the rules of the house, kept by reading every import.

A rule about what a module imports looks at that module alone, one about what it reaches also at
everything that is imported on the way. Imports inside functions count like all others.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

FUNCTIONS = Path(__file__).parents[2] / "functions"


def name_of(path: Path) -> str:
    parts = path.relative_to(FUNCTIONS).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted(FUNCTIONS.rglob("*.py"))}


def is_within(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def of(*packages: str) -> list[str]:
    """Return the modules of packages, which may be modules themselves."""
    return [name for name in FILES if is_within(name, packages)]


STORIES = {
    "upload": of("quickthumb.upload"),
    "resize": of("quickthumb.resize"),
    "bury": of("quickthumb.bury"),
    "sweep": of("quickthumb.sweep", "quickthumb.sweeping"),
}
DOORS = of(
    *("quickthumb.storage", "quickthumb.json_api", "quickthumb.connections"),
    "quickthumb.messaging",
)
IDENTITY = of(
    *("quickthumb.callers", "quickthumb.certificates", "quickthumb.identity"),
    *("quickthumb.parts", "quickthumb.tracing"),
)
"""Modules that check tokens, or have some: they use google.auth, and nothing else of Google's."""


def names_in(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Return what is imported, by full name; it may be a name inside of a module."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, "expected absolute imports"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def imported_by(name: str) -> list[str]:
    """Return what a module imports, with the packages around it."""
    tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
    found = set()
    for imported in names_in(ast.walk(tree)):
        parts = imported.split(".")
        found |= {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
    return sorted(found)


def imports(names: Iterable[str], *packages: str) -> list[str]:
    """Return which of these modules import something of these packages."""
    return [
        f"{name} imports {imported}"
        for name in names
        for imported in imported_by(name)
        if is_within(imported, packages)
    ]


def reaches(names: Iterable[str], *packages: str) -> list[str]:
    """Return which of these modules reach something of these packages, and by which way."""
    ways = {name: name for name in names}
    queue = list(ways)
    for name in queue:
        for imported in imported_by(name) if name in FILES else ():
            if imported not in ways:
                ways[imported] = f"{ways[name]} -> {imported}"
                queue.append(imported)
    return [way for name, way in ways.items() if is_within(name, packages)]


def test_what_is_deployed_imports_nothing_of_the_rest_of_the_repository():
    assert not imports(FILES, "emulator", "bench", "tests", "infra", "docs")


def test_only_the_doors_import_the_clients_of_google_cloud():
    assert not imports(FILES.keys() - {*DOORS, *IDENTITY}, "google", "grpc")
    found = imports(IDENTITY, "google")
    assert found
    assert all(line.endswith(" google") or " google.auth" in line for line in found)


def test_the_store_reaches_no_door_so_that_any_bucket_will_do():
    keepers = of("quickthumb.store", "quickthumb.buckets", "quickthumb.api.records")
    assert not reaches(keepers, *DOORS, "google", "starlette")


def test_what_decodes_reaches_neither_cloud_nor_requests_nor_store():
    decoding = of("quickthumb.imaging", "quickthumb.kitchen")
    assert decoding
    assert not reaches(decoding, "google", "starlette", "flask", "quickthumb.store", *DOORS)


def test_no_story_reaches_another_one():
    for story, modules in STORIES.items():
        assert modules, f"{story} has moved"
        others = [name for other, names in STORIES.items() if other != story for name in names]
        assert not reaches(modules, *others)


def test_no_story_reaches_the_routes():
    for modules in STORIES.values():
        assert not reaches(modules, "quickthumb.api", "starlette", "flask", "main")


def test_documents_reach_no_door_no_routes_and_no_store():
    documents = of("quickthumb.documents")
    assert documents
    around = ("quickthumb.api", "quickthumb.store", "quickthumb.buckets")
    assert not reaches(documents, *DOORS, *around, "google", "starlette", "flask")


def test_the_description_of_the_api_is_built_only_for_whoever_asks_for_it():
    def at_import(name: str) -> Iterator[str]:
        tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
        return names_in(tree.body)

    serving = FILES.keys() - of("quickthumb.api.openapi")
    early = [name for name in serving if any("api.openapi" in each for each in at_import(name))]
    assert not early


def test_these_rules_see_an_import_inside_a_function_and_one_by_a_detour():
    assert imports(["quickthumb.tracing"], "google.auth")
    [way, *_] = reaches(["main"], "quickthumb.sweeping.entries")
    assert way == "main -> quickthumb.sweep -> quickthumb.sweeping.entries"
