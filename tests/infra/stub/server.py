"""Servers for the providers, and the variable that leads Terraform to them."""

import contextlib
import json
import os
from collections.abc import Iterator
from concurrent import futures

import grpc

from tests.infra.stub.cloud import Cloud
from tests.infra.stub.protocol import VERSION, handlers
from tests.infra.stub.provider import Provider
from tests.infra.stub.schema import schemas


@contextlib.contextmanager
def served(cloud: Cloud) -> Iterator[dict[str, str]]:
    """Serve every provider of infra/provider-schema.json over a cloud.

    Yields:
        What Terraform has to find in its environment:
        https://developer.hashicorp.com/terraform/plugin/debugging#running-terraform-with-a-provider-in-debug-mode
    """
    with contextlib.ExitStack() as running:
        reattach = {}
        for name in schemas():
            # One at a time, so that what is done is in an order.
            workers = running.enter_context(futures.ThreadPoolExecutor(max_workers=1))
            server = grpc.server(workers, options=[("grpc.max_send_message_length", -1)])
            server.add_generic_rpc_handlers((handlers(Provider(name, cloud)),))
            port = server.add_insecure_port("127.0.0.1:0")
            server.start()
            running.callback(lambda server=server: server.stop(None).wait())
            reattach[f"hashicorp/{name}"] = {
                "Protocol": "grpc",
                "ProtocolVersion": VERSION,
                "Pid": os.getpid(),
                "Test": True,
                "Addr": {"Network": "tcp", "String": f"127.0.0.1:{port}"},
            }
        # Terraform, a program in Go, is faster by a sixth when it collects garbage less often.
        yield {"TF_REATTACH_PROVIDERS": json.dumps(reattach), "GOGC": "400"}
