"""What the code of each function calls, against what iam.tf lets it do."""

import ast

from emulator.bootstrap import ROOT
from tests.infra.hcl import of_kind

CODE = ROOT / "functions" / "quickthumb"
MODULES = {
    "upload": [*sorted((CODE / "api").glob("*.py")), CODE / "upload.py"],
    "resize": [CODE / "resize.py"],
    "bury": [CODE / "bury.py"],
    "sweep": [CODE / "sweep.py", CODE / "bury.py"],
}
# The classes that know the buckets, and what the code calls them.
KEEPERS = {
    "Store": (CODE / "store.py", {"store", "self._store", "self.store"}),
    "Records": (CODE / "api" / "records.py", {"records", "self._records"}),
}
BUCKETS = {"self._originals", "self._processed", "self._requests"}
PERMISSIONS = {
    "create": {"create"},
    "begin": {"create"},
    "write": {"create", "delete"},
    "read": {"get"},
    "stat": {"get"},
    "delete": {"delete"},
    "walk": {"list"},
}
# Without it the answer for a blob that is not there may be 403 instead of 404.
ALWAYS = {"list"}


def attributes(tree):
    """Walk over `receiver.name` in a piece of code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node.value), node.attr


def methods_of(keeper):
    tree = ast.parse(KEEPERS[keeper][0].read_text())
    found = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == keeper)
    return {method.name: method for method in found.body if isinstance(method, ast.FunctionDef)}


def calls_on_buckets(method, methods):
    """Return what a method calls: bucket and call, those of other methods included."""
    found = set()
    for receiver, name in attributes(methods[method]):
        if receiver in BUCKETS and name in PERMISSIONS:
            found.add((receiver.removeprefix("self._"), name))
        elif receiver == "self" and name in methods:
            found |= calls_on_buckets(name, methods)
    return found


def needed_on_buckets(function):
    needed = {}
    for keeper, (_, names_of_keeper) in KEEPERS.items():
        methods = methods_of(keeper)
        for module in MODULES[function]:
            for receiver, name in attributes(ast.parse(module.read_text())):
                if receiver in names_of_keeper and name in methods:
                    for bucket, call in calls_on_buckets(name, methods):
                        needed.setdefault(bucket, set(ALWAYS)).update(PERMISSIONS[call])
    return {
        bucket: {f"storage.objects.{name}" for name in names} for bucket, names in needed.items()
    }


def needed_topics(function):
    """Return the topics whose factory an entry point of main.py calls, itself or through others."""
    tree = ast.parse((ROOT / "functions" / "main.py").read_text())
    defined = {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    def called(name):
        names = {node.id for node in ast.walk(defined[name]) if isinstance(node, ast.Name)}
        inner = (names & defined.keys()) - {name}
        return inner.union(*map(called, inner))

    return {name.removeprefix("_") for name in called(function)} & {"uploads", "completed"}


def local(name):
    return next(block.body[name] for block in of_kind("locals") if name in block.body)


def text(value):
    return value.strip('"')


def test_a_function_may_do_with_blobs_what_its_code_does_and_no_more():
    roles = {
        role: set(map(text, names))
        for role, names in local("storage_permissions").items()
        if not role.startswith("__")
    }
    for function in MODULES:
        granted = {
            bucket: roles[text(role)]
            for bucket, role in local("access")[function]["buckets"].items()
            if not bucket.startswith("__")
        }
        assert granted == needed_on_buckets(function), function


def test_a_function_may_publish_where_its_code_publishes_and_nowhere_else():
    for function in MODULES:
        granted = set(map(text, local("access")[function]["topics"]))
        assert granted == needed_topics(function), function


def test_the_code_is_understood():
    assert needed_on_buckets("resize")["originals"] == {
        "storage.objects.get",
        "storage.objects.list",
    }
    assert needed_topics("upload") == {"uploads"}
