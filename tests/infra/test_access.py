"""What the code of each function calls, against what iam.tf lets it do."""

import ast

from emulator.bootstrap import ROOT
from tests.infra.hcl import of_kind

CODE = ROOT / "functions" / "quickthumb"
MODULES = {
    "upload": [*sorted((CODE / "api").glob("*.py")), CODE / "upload.py"],
    "resize": [CODE / "resize.py", CODE / "ending.py"],
    "bury": [CODE / "bury.py", CODE / "ending.py"],
    "sweep": [CODE / "sweep.py", *sorted((CODE / "sweeping").glob("*.py")), CODE / "ending.py"],
}
# The classes that know the buckets: where they are, and the bucket of each.
KEEPERS = {
    "Store": ("store/__init__.py", None),
    "Originals": ("store/originals.py", "originals"),
    "Results": ("store/results.py", "processed"),
    "Ledger": ("store/ledger.py", "processed"),
    "Records": ("api/records.py", "requests"),
}
# What the code calls their instances, in the last part of an expression.
NAMES = {
    "store": "Store",
    "_store": "Store",
    "originals": "Originals",
    "results": "Results",
    "ledger": "Ledger",
    "records": "Records",
    "_records": "Records",
}
PERMISSIONS = {
    "create": {"create"},
    "begin": {"create"},
    "write": {"create", "delete"},
    "read": {"get"},
    "fetch": {"get"},
    "stat": {"get"},
    "exists": {"get"},
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
    tree = ast.parse((CODE / KEEPERS[keeper][0]).read_text())
    found = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == keeper)
    return {method.name: method for method in found.body if isinstance(method, ast.FunctionDef)}


METHODS = {keeper: methods_of(keeper) for keeper in KEEPERS}


def keeper_of(receiver):
    return NAMES.get(receiver.rpartition(".")[2])


def calls_on_buckets(keeper, name):
    """Return what a method calls: bucket and call, those of other methods included."""
    bucket, method, found = KEEPERS[keeper][1], METHODS[keeper][name], set()
    # `walks` has the calls that take several requests, over the bucket that it is given.
    receivers = {"self._bucket", "self._requests", "walks"}
    for receiver, called in attributes(method):
        if bucket and receiver in receivers and called in PERMISSIONS:
            found.add((bucket, called))
        other = keeper if receiver == "self" else keeper_of(receiver)
        if other and called in METHODS[other]:
            found |= calls_on_buckets(other, called)
    return found


def needed_on_buckets(function):
    needed = {}
    for module in MODULES[function]:
        for receiver, name in attributes(ast.parse(module.read_text())):
            keeper = keeper_of(receiver)
            if keeper and name in METHODS[keeper]:
                for bucket, call in calls_on_buckets(keeper, name):
                    needed.setdefault(bucket, set(ALWAYS)).update(PERMISSIONS[call])
    return {
        bucket: {f"storage.objects.{name}" for name in names} for bucket, names in needed.items()
    }


def needed_topics(function):
    """Return the topics that an entry point of main.py takes from its parts, or a part of it."""
    main = ast.parse((ROOT / "functions" / "main.py").read_text())
    parts = ast.parse((CODE / "parts.py").read_text())
    defined = {node.name: node for node in ast.walk(parts) if isinstance(node, ast.FunctionDef)}

    def taken(tree, receiver):
        names = {name for of, name in attributes(tree) if of == receiver and name in defined}
        return names.union(*(taken(defined[name], "self") for name in names))

    [entry] = [node for node in main.body if getattr(node, "name", "") == function]
    return taken(entry, "parts") & {"uploads", "completed"}


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
