"""Proxies that the environment names are not for servers on this machine."""

from collections.abc import MutableMapping

_NAMED = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")
_HERE = ("127.0.0.1", "localhost", "::1")


def pass_by(environment: MutableMapping[str, str]) -> None:
    """Let this process and its children reach this machine without a proxy, if one is named.

    gRPC, requests and urllib all read `no_proxy`, and gRPC and urllib only in lower case.
    """
    if not any(name.lower() in _NAMED and text for name, text in environment.items()):
        return
    given = environment.get("no_proxy") or environment.get("NO_PROXY", "")
    hosts = [host.strip() for host in given.split(",") if host.strip()]
    if "*" in hosts:
        return
    wanted = ",".join([*hosts, *(host for host in _HERE if host not in hosts)])
    environment["no_proxy"] = environment["NO_PROXY"] = wanted
