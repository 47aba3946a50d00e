"""Holds bodies of Google's APIs against the messages that gcloud ships. Run by gcloud's own Python.

    python api_messages.py /usr/lib/google-cloud-sdk/lib <bodies.json

Reads a list of [api, version, message, body] and writes, for each, a list of what is wrong with it:
fields that the message does not have, values that are of another type or not in its enumeration.
Nothing but what gcloud brings along can be imported here.
"""

import importlib
import json
import sys


def main(library: str) -> None:
    """Answer standard input."""
    sys.path[:0] = [library, f"{library}/third_party"]
    verdicts = [mistakes(*entry) for entry in json.load(sys.stdin)]
    json.dump(verdicts, sys.stdout)


def mistakes(api: str, version: str, message: str, body: dict) -> list:
    """Return what is wrong with a body."""
    from apitools.base.py import encoding

    module = f"googlecloudsdk.generated_clients.apis.{api}.{version}.{api}_{version}_messages"
    try:
        parsed = encoding.PyValueToMessage(getattr(importlib.import_module(module), message), body)
        parsed.check_initialized()
    except Exception as error:  # apitools raises many, and each is a mistake
        return [f"{message}: {error}"[:500]]
    return list(_unknown(parsed, message))


def _unknown(message, place):
    for name in message.all_unrecognized_fields():
        yield f"{place}: there is no {name}, or not with this value"
    for field in message.all_fields():
        value = getattr(message, field.name)
        for item in value if isinstance(value, list) else [value]:
            if hasattr(item, "all_unrecognized_fields"):
                yield from _unknown(item, f"{place}.{field.name}")


if __name__ == "__main__":
    main(sys.argv[1])
