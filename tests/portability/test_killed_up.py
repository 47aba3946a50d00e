"""A whole cloud whose `up` is killed leaves nothing behind, whatever serves its functions."""

import os

import pytest

from emulator.ports import free_port, is_free
from tests import needs
from tests.e2e.commands import up
from tests.e2e.test_up import children, upload
from tests.portability.test_leash import eventually, group_is_gone
from tests.portability.test_without_posix import WITHOUT


@needs.linux("/proc")
@pytest.mark.parametrize("server", ["gunicorn", "unforked"])
def test_killing_up_leaves_no_process_and_no_port_taken(server, tmp_path, monkeypatch):
    if server == "unforked":
        monkeypatch.setenv("PYTHONPATH", str(WITHOUT))
    port = free_port()
    with up(tmp_path, "--port", port, "--instances", "resize=2") as cloud:
        upload(cloud.url("upload"))
        groups = {os.getpgid(pid) for pid in children(cloud.process.pid)}
        assert len(groups) >= 6  # storage, Pub/Sub and the functions, each with its watcher
        assert not any(map(group_is_gone, groups))
        cloud.process.kill()
    eventually(lambda: all(map(group_is_gone, groups)), seconds=90)
    assert is_free(port)
