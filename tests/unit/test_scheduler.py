import subprocess
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from emulator.bootstrap import ROOT
from emulator.parts.scheduler import Job, call
from emulator.parts.tokens import PushToken
from emulator.ports import HOST, free_port

DUE = datetime(2026, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def function():
    """A function that keeps the headers of its calls and answers with the status in the path."""
    calls, called = [], threading.Condition()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            with called:
                calls.append(self.headers)
                called.notify_all()
            self.send_response(int(self.path.strip("/") or 200))
            self.end_headers()
            self.wfile.write(b"because")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    server.calls, server.called = calls, called
    server.url = f"http://{HOST}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_function_is_called_as_the_cloud_calls_it(function):
    assert call(Job("nightly", "5 4 * * *", function.url, 5), DUE) == ""
    (headers,) = function.calls
    assert headers["X-CloudScheduler"] == "true"
    assert headers["X-CloudScheduler-JobName"] == "nightly"
    assert headers["X-CloudScheduler-ScheduleTime"] == "2026-02-03T04:05:00+00:00"
    assert headers["Content-Length"] == "0"
    assert headers["Authorization"] is None


def test_a_function_that_wants_a_token_gets_one(function, tmp_path):
    job = Job("nightly", "5 4 * * *", function.url, 5, PushToken("a@b.example", "me"))
    assert call(job, DUE, tmp_path) == ""
    (headers,) = function.calls
    assert headers["Authorization"].startswith("Bearer ey")
    (tmp_path / "signing-key.pem").write_text("garbage")
    assert "its token cannot be signed" in call(job, DUE, tmp_path)


def test_a_failed_call_is_reported():
    assert "no answer" in call(Job("a", "* * * * *", f"http://{HOST}:{free_port()}", 5), DUE)


def test_an_error_response_is_reported(function):
    assert call(Job("a", "* * * * *", f"{function.url}/503", 5), DUE) == "a: answered 503: because"


def test_the_scheduler_calls_again_and_again_also_after_a_failure(function, tmp_path):
    # A sixth field is one of seconds, which spares this test two minutes.
    job = Job("a", "* * * * * *", f"{function.url}/503", 5, PushToken("a@b.example", "me"))
    command = [sys.executable, "-m", "emulator.parts.scheduler", "--job", job.document()]
    command += ["--broker", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            with function.called:
                assert function.called.wait_for(lambda: len(function.calls) >= 2, 60)
        finally:
            process.terminate()
        assert "a: answered 503: because" in process.stdout.read()
    times = [headers["X-CloudScheduler-ScheduleTime"] for headers in function.calls]
    assert times == sorted(set(times))
    assert all(headers["Authorization"].startswith("Bearer ey") for headers in function.calls)
