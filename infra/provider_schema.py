"""Writes `provider-schema.json`: arguments and attributes of the resource types used in *.tf.

The tests check *.tf against this file, and serve it to Terraform in place of the providers
(tests/infra/stub). Its source is the providers' bindings for Python, which hold the schema as typed
signatures. They are read, never installed or run:

    pip download --no-deps cdktf-cdktf-provider-google==16.12.1 cdktf-cdktf-provider-time==11.0.1
    python3 infra/provider_schema.py *.whl

The signatures do not tell a set from a list. The JavaScript inside the same wheel does.
"""

import ast
import io
import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE / "provider-schema.json"

_BLOCK = re.compile(r'^(resource|data|provider) "(\w+)"', re.MULTILINE)
_META = {"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioners"}
_SCALARS = {"str": "string", "bool": "bool", "Number": "number"}
_ENTRY = re.compile(
    r"^\s+(?P<name>\w+): \{\n\s+value: .*\n\s+isBlock: \w+,\n\s+type: \"(?P<type>\w+)\"",
    re.MULTILINE,
)

Json = dict[str, object]


def used_types(folder: Path) -> dict[str, set[str]]:
    """Return the types used by the *.tf files in and below a folder.

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
        self._scripts: dict[str, str] | None = None
        metadata = next(n for n in self._archive.namelist() if n.endswith("dist-info/METADATA"))
        text = self._archive.read(metadata).decode()
        bound = re.search(r"bindings for hashicorp/(\w+) provider version ([\d.]+)", text)
        name = re.search(r"^Name: (\S+)$", text, re.MULTILINE)
        version = re.search(r"^Version: (\S+)$", text, re.MULTILINE)
        if not (bound and name and version):
            raise SystemExit(f"{wheel}: metadata names no provider and version")
        self.provider, self.version = bound[1], bound[2]
        self.source = f"{name[1]} {version[1]}"

    def schema(self, kind: str, type_name: str) -> Json:
        """Return the arguments and attributes of a resource, a data source or the provider.

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
        resource = classes.get(by_name[own])
        containers = _containers(self._script(module.replace("_", "-")))
        schema = self._described(config, resource, classes, containers)
        if kind == "provider":  # has no attributes
            return {"takes": schema["takes"], "gives": {}}
        schema["takes"]["id"] = {"required": False, "type": "string"}
        return dict(schema)

    def _script(self, module: str) -> str:
        """Return the JavaScript of a module."""
        if self._scripts is None:
            inner = next(n for n in self._archive.namelist() if n.endswith(".jsii.tgz"))
            with tarfile.open(fileobj=io.BytesIO(self._archive.read(inner))) as archive:
                self._scripts = {
                    member.name.split("/")[2]: file.read().decode()
                    for member in archive
                    if member.name.endswith("/index.js") and member.name.count("/") == 3
                    if (file := archive.extractfile(member))
                }
        return self._scripts[module]

    def _described(
        self,
        config: ast.ClassDef,
        readable: ast.ClassDef | None,
        classes: dict[str, ast.ClassDef],
        containers: dict[str, dict[str, str]],
    ) -> dict[str, Json]:
        attributes: Json = {}
        contained = containers.get(config.name.lower(), {})
        for name, annotation, required in _parameters(config):
            kind, block = _type(annotation, classes, contained.get(name, ""))
            entry: Json = {"required": required, "type": kind}
            if block and name in self._words:
                reference = classes.get(f"{block}OutputReference")
                entry |= self._described(classes[block], reference, classes, containers)
            attributes[name] = entry
        given = _given(readable, classes) if readable else {}
        gives: Json = {name: kind for name, kind in given.items() if name not in attributes}
        return {"takes": attributes, "gives": gives}


def _containers(script: str) -> dict[str, dict[str, str]]:
    """Return whether each attribute is simple, a list, a set, a map or a struct.

    Returns:
        By the name of its block's class, in lower case, and its own name.
    """
    found: dict[str, dict[str, str]] = {}
    pieces = re.split(
        r"^function (\w+)ToHclTerraform\(|^class (\w+) extends", script, flags=re.MULTILINE
    )
    for function, owner, body in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        if function is None:
            owner, body = f"{owner}Config", body.partition("synthesizeHclAttributes() {")[2]
        entries = {match["name"]: match["type"] for match in _ENTRY.finditer(body)}
        found.setdefault((function or owner).lower(), {}).update(entries)
    return found


def _parameters(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr, bool]]:
    """Yield the parameters of a class: name, type, whether it is required."""
    init = next(n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__")
    inherited = any("TerraformMetaArguments" in ast.unparse(base) for base in node.bases)
    for argument, default in zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True):
        endpoint = argument.arg.endswith("_custom_endpoint")  # one per API
        if argument.annotation and not endpoint and not (inherited and argument.arg in _META):
            yield argument.arg.rstrip("_"), argument.annotation, default is None


def _type(
    annotation: ast.expr, classes: dict[str, ast.ClassDef], container: str
) -> tuple[str, str | None]:
    """Return Terraform's type of a parameter, and the class of its block if it is one."""
    names = [
        node.value if isinstance(node, ast.Constant) else node.id
        for node in ast.walk(annotation)
        if isinstance(node, ast.Constant | ast.Name)
    ]
    text = ast.unparse(annotation)
    block = next((name for name in names if name in classes), None)
    if block:
        if container == "struct":
            return "single block", str(block)
        kind = "blocks" if "Sequence" in text else "block"
        return (f"set of {kind}" if container == "set" else kind), str(block)
    scalar = next(
        _SCALARS[node.attr]
        for node in ast.walk(annotation)
        if isinstance(node, ast.Attribute) and node.attr in _SCALARS
    )
    if "Mapping" in text:
        return f"map of {scalar}", None
    if "Sequence" in text:
        return f"{'set' if container == 'set' else 'list'} of {scalar}", None
    return scalar, None


def _given(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> dict[str, str]:
    """Return the types of the properties of a class, except those that hold blocks."""
    found: dict[str, str] = {}
    for item in node.body:
        if not isinstance(item, ast.FunctionDef) or item.returns is None:
            continue
        if not any("property" in ast.unparse(decorator) for decorator in item.decorator_list):
            continue
        text = ast.unparse(item.returns)
        if item.name.endswith("_input") or any(f"{name}'" in text for name in classes):
            continue
        if item.name not in ("TF_RESOURCE_TYPE", "fqn", "internal_value", "build_attribute"):
            found[item.name] = _given_type(text)
    return found


def _given_type(text: str) -> str:
    if "Map" in text:
        return f"map of {'bool' if 'Boolean' in text else 'string'}"
    scalar = "number" if "Number" in text else "bool" if "IResolvable" in text else "string"
    return f"list of {scalar}" if "List" in text else scalar


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
