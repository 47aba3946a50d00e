"""Writes `provider-schema.json`: what the providers take and give, for the types that *.tf use.

`terraform validate` needs the providers themselves; where they cannot be had, a test checks *.tf
against this file. Its source are the providers' bindings for Python, which hold the schema as
typed signatures. They are read, never installed or run:

    pip download --no-deps cdktf-cdktf-provider-google==16.12.1 cdktf-cdktf-provider-archive==11.0.1
    python3 infra/provider_schema.py *.whl
"""

import ast
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE / "provider-schema.json"

_BLOCK = re.compile(r'^(resource|data|provider) "(\w+)"', re.MULTILINE)
_META = {"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioners"}
_SCALARS = {"str": "string", "bool": "bool", "Number": "number"}

Json = dict[str, object]


def used_types(folder: Path) -> dict[str, set[str]]:
    """Return which types the files *.tf in and below a folder use.

    Returns:
        Names by kind: resource, data, provider.
    """
    found: dict[str, set[str]] = {"resource": set(), "data": set(), "provider": set()}
    for file in sorted(folder.rglob("*.tf")):
        for kind, name in _BLOCK.findall(file.read_text()):
            found[kind].add(name)
    return found


class Bindings:
    """The bindings of one provider, as a wheel.

    Args:
        wheel: of a distribution `cdktf-cdktf-provider-…`.
        words: those in *.tf; a block within a block that is none of them is named and no more.
    """

    def __init__(self, wheel: Path, words: set[str]) -> None:
        self._words = words
        self._archive = zipfile.ZipFile(wheel)
        metadata = next(n for n in self._archive.namelist() if n.endswith("dist-info/METADATA"))
        text = self._archive.read(metadata).decode()
        bound = re.search(r"bindings for hashicorp/(\w+) provider version ([\d.]+)", text)
        name = re.search(r"^Name: (\S+)$", text, re.MULTILINE)
        version = re.search(r"^Version: (\S+)$", text, re.MULTILINE)
        if not (bound and name and version):
            raise SystemExit(f"{wheel}: its metadata names no provider and version")
        self.provider, self.version = bound[1], bound[2]
        self.source = f"{name[1]} {version[1]}"

    def schema(self, kind: str, type_name: str) -> Json:
        """Return what a resource, a data source or the provider takes and gives.

        Args:
            kind: `resource`, `data` or `provider`.
            type_name: such as `google_pubsub_topic`.
        """
        if kind == "provider":
            module, stem = "provider", ""
        else:
            prefix = f"data_{self.provider}_" if kind == "data" else ""
            module = stem = prefix + type_name.removeprefix(f"{self.provider}_")
        path = f"cdktf_cdktf_provider_{self.provider}/{module}/__init__.py"
        tree = ast.parse(self._archive.read(path))
        classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        by_name = {name.lower(): name for name in classes}
        own = stem.replace("_", "") or f"{self.provider}provider"
        config = classes[by_name[f"{own}config"]]
        return self._described(config, classes.get(by_name[own]), classes)

    def _described(
        self, config: ast.ClassDef, readable: ast.ClassDef | None, classes: dict[str, ast.ClassDef]
    ) -> Json:
        attributes: Json = {}
        for name, annotation, required in _parameters(config):
            kind, block = _type(annotation, classes)
            entry: Json = {"required": required, "type": kind}
            if block and name in self._words:
                reference = classes.get(f"{block}OutputReference")
                entry |= self._described(classes[block], reference, classes)
            attributes[name] = entry
        computed = sorted(_properties(readable) - attributes.keys()) if readable else []
        return {"takes": attributes, "gives": computed}


def _parameters(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr, bool]]:
    """Walk over the parameters of a class: name, type, whether it is required."""
    init = next(n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__")
    inherited = any("TerraformMetaArguments" in ast.unparse(base) for base in node.bases)
    for argument, default in zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True):
        endpoint = argument.arg.endswith("_custom_endpoint")  # the provider has one for every API
        if argument.annotation and not endpoint and not (inherited and argument.arg in _META):
            yield argument.arg.rstrip("_"), argument.annotation, default is None


def _type(annotation: ast.expr, classes: dict[str, ast.ClassDef]) -> tuple[str, str | None]:
    """Return Terraform's type of a parameter, and the class of its block if it is one."""
    names = [
        node.value if isinstance(node, ast.Constant) else node.id
        for node in ast.walk(annotation)
        if isinstance(node, ast.Constant | ast.Name)
    ]
    text = ast.unparse(annotation)
    block = next((name for name in names if name in classes), None)
    if block:
        return ("blocks" if "Sequence" in text else "block"), str(block)
    scalar = next(
        _SCALARS[node.attr]
        for node in ast.walk(annotation)
        if isinstance(node, ast.Attribute) and node.attr in _SCALARS
    )
    if "Mapping" in text:
        return f"map of {scalar}", None
    return (f"list of {scalar}" if "Sequence" in text else scalar), None


def _properties(node: ast.ClassDef) -> set[str]:
    """Return the names of a class's properties, those that repeat an input left out."""
    return {
        item.name
        for item in node.body
        if isinstance(item, ast.FunctionDef)
        and any("property" in ast.unparse(decorator) for decorator in item.decorator_list)
        and not item.name.endswith("_input")
        and item.name not in ("TF_RESOURCE_TYPE", "fqn", "internal_value")
    } | {"id"}


def main(wheels: list[str]) -> None:
    """Write the file.

    Args:
        wheels: paths of the bindings of every provider that *.tf use.
    """
    used = used_types(HERE)
    text = "\n".join(file.read_text() for file in HERE.rglob("*.tf"))
    words = set(re.findall(r"\w+", text))
    result: Json = {}
    for bindings in (Bindings(Path(wheel), words) for wheel in wheels):
        schema: Json = {"version": bindings.version, "source": bindings.source}
        for kind, names in used.items():
            schema[kind] = {
                name: bindings.schema(kind, name)
                for name in sorted(names)
                if name.split("_")[0] == bindings.provider
            }
        result[bindings.provider] = schema
    TARGET.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
