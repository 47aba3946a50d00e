"""infra/trial.sh against the emulator, with fakes of terraform and gcloud."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests
from google.cloud import pubsub_v1

from emulator.bootstrap import ROOT
from emulator.cloud import Cloud
from emulator.console import Console
from emulator.parts.functions import environment
from emulator.ports import HOST, answers, free_port
from emulator.project import PROJECT, bucket_name
from emulator.source import SOURCE
from emulator.topology_file import read_topology
from infra.trial import usage
from infra.trial.commands import Failed, Gcloud
from infra.trial.deployment import Deployment
from tests import needs
from tests.e2e.front_end import FrontEnd
from tests.infra.false_cloud import BAD, MADE, NEW, FalseCloud
from tests.infra.hcl import of_kind
from tests.infra.terraform import NEEDED

SCRIPT = ROOT / "infra" / "trial.sh"


class Front(FrontEnd):
    """Forwards requests to the revision with the traffic, like Cloud Run."""

    def __init__(self, port, good, bad):
        self.cloud = None
        self._ports = {True: good, False: bad}
        super().__init__(port, good, 80, 60)

    def pass_on(self, *request):
        self._server = self._ports[self.cloud is None or BAD not in self.cloud.revisions["traffic"]]
        return super().pass_on(*request)


class Metrics(ThreadingHTTPServer):
    """A fake of Cloud Monitoring that records requests."""

    VALUES: ClassVar = {
        "run.googleapis.com/container/billable_instance_time": {"doubleValue": 100.0},
        "run.googleapis.com/request_count": {"int64Value": "1000"},
        "run.googleapis.com/container/startup_latencies": {
            "distributionValue": {"count": "4", "mean": 1500.0}
        },
        "storage.googleapis.com/api/request_count": {"int64Value": "2000"},
        "pubsub.googleapis.com/topic/byte_cost": {"int64Value": "5000"},
        "pubsub.googleapis.com/subscription/byte_cost": {"int64Value": "5000"},
    }

    def __init__(self):
        self.asked = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                query = {k: v for k, [v] in parse_qs(urlsplit(self.path).query).items()}
                server.asked.append(query)
                body = json.dumps({"timeSeries": [server.series(query)]}).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        super().__init__((HOST, 0), Handler)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def series(self, query):
        [metric] = re.findall(r'metric\.type = "([^"]+)"', query["filter"])
        value = self.VALUES[metric]
        if query["aggregation.crossSeriesReducer"].startswith("REDUCE_PERCENTILE"):
            value = {"doubleValue": 2500.0}
        kind, _, label = query.get("aggregation.groupByFields", "").partition(".labels.")
        labels = {kind: {"labels": {label: "WriteObject" if kind == "metric" else "upload"}}}
        return {**(labels if kind else {}), "points": [{"value": value}]}

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    """An emulated cloud, and in addition a function with an invalid setting."""
    topology = read_topology()
    console = Console()
    with Cloud(topology, tmp_path_factory.mktemp("data"), console) as cloud:
        port = free_port()
        bad = subprocess.Popen(
            [
                *(sys.executable, "-m", "functions_framework", "--source", str(SOURCE)),
                *("--target", "upload", "--host", HOST, "--port", str(port)),
            ],
            env={
                **os.environ,
                **environment(topology.functions["upload"], cloud.addresses),
                "QUICKTHUMB_SIZES": "none",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not answers(port):
                assert bad.poll() is None
                time.sleep(0.05)
            yield cloud, port
        finally:
            bad.terminate()
            bad.wait(20)


@pytest.fixture
def metrics():
    server = Metrics()
    yield server
    server.close()


@pytest.fixture
def world(emulator, tmp_path):
    """A false cloud whose service is the emulator's, behind a front end."""
    cloud, bad = emulator
    port = free_port()
    with contextlib.closing(Front(port, urlsplit(cloud.addresses.upload).port, bad)) as front:
        world = FalseCloud(
            tmp_path / "cloud",
            f"http://{HOST}:{port}",
            f"http://{HOST}:{bad}",
            cloud.addresses.pubsub,
        )
        front.cloud = world
        yield world


@pytest.fixture
def nowhere(tmp_path):
    """A false cloud without any servers."""
    return FalseCloud(tmp_path / "cloud", "http://127.0.0.1:1")


def variables(cloud, **more):
    kept = {k: v for k, v in os.environ.items() if k in ("HOME", "LANG", "TMPDIR")}
    return {
        **kept,
        "PATH": f"{cloud.bin}:/usr/bin:/bin",
        "TF_DATA_DIR": str(cloud.folder / "terraform"),
        **more,
    }


def trial(cloud, *arguments, project="my-trial", **more):
    env = variables(cloud) | ({"PROJECT": project} if project else {}) | more
    return subprocess.run(
        [SCRIPT, *arguments],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


def steps_of(report):
    """Return the completed steps according to a report."""
    steps = report.partition("| step |")[2].partition("\n\n")[0]
    return re.findall(r"^\| ([a-z-]*[a-z]) \|", steps, re.MULTILINE)


def blobs_but_tombstones(cloud):
    """Return the names of all blobs of uploads that are no tombstones."""
    found = []
    for name in ("originals", "processed"):
        url = f"{cloud.addresses.storage}/storage/v1/b/{bucket_name(name)}/o"
        items = requests.get(url, timeout=20).json().get("items", [])
        for item in items:
            content = requests.get(
                f"{url}/{quote(item['name'], safe='')}?alt=media", timeout=20
            ).content
            if not item["name"].startswith("sweep/") and b'"state":"deleted"' not in content[:40]:
                found.append(item["name"])
    return found


def subscription(cloud, monkeypatch):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", cloud.addresses.pubsub)
    with pubsub_v1.SubscriberClient() as subscriber:
        path = f"projects/{PROJECT}/subscriptions/resize"
        return subscriber.get_subscription(subscription=path, timeout=20)


def test_a_whole_trial_measures_and_leaves_nothing(emulator, world, metrics, monkeypatch):
    cloud, _ = emulator
    before = subscription(cloud, monkeypatch)
    result = trial(
        world,
        *("--yes", "--burst", "30", "--at-once", "8", "--usage-delay", "1"),
        CLOUDSDK_API_ENDPOINT_OVERRIDES_MONITORING=f"http://{HOST}:{metrics.server_address[1]}/",
    )
    assert result.returncode == 0, result.stderr
    report = result.stdout
    assert steps_of(report) == [
        *("apply", "smoke", "calls", "burst", "bad-revision", "delete", "dead-letter"),
        *("usage", "destroy"),
    ]
    assert "**failed**" not in report
    for call, times in [
        ("`POST /`", 21),
        ("`POST /`, in the burst", 30),
        ("`GET /{id}/256`", 20),
        ("`DELETE /{id}`, in the burst", 30),
    ]:
        row = re.search(rf"^\| {re.escape(call)} \| {times} \|(.*)\|$", report, re.MULTILINE)
        median, p95, p99, longest = (int(n.replace(",", "")) for n in row[1].split("|"))
        assert 0 < median <= p95 <= p99 <= longest
    assert "Accepted pictures without thumbnails: 0." in report
    assert re.search(r"its smoke test failed: GET /health: 500: .*QUICKTHUMB_SIZES", report)
    assert re.search(r"rollback command took [\d.]+ s; [\d.]+ s after", report)
    assert re.search(
        r'"nobody can read this" was among the dead letters .* deliveries: 5\.', report
    )
    # 100 s of 1 processor and 2 GiB; 1,000 requests; 2,000 writes; 10 kB of messages
    assert "| instances | 100 s | 0.0029 |" in report
    assert "| storage calls | 2,000 | 0.0100 |" in report
    assert "| `upload` | 4 | 1.50 s | 2.50 s |" in report
    assert "nothing is left but the foundation" in report

    assert blobs_but_tombstones(cloud) == []
    assert subscription(cloud, monkeypatch) == before
    assert world.revisions["traffic"] == {NEW: 100}
    assert not world.revisions["pinned"]
    assert world.revisions["tag"] is None
    assert world.terraform["made"] == []
    given = {v for words in world.told for v in re.findall(r"^-var=(\w+)=", "\n".join(words), re.M)}
    assert given - {block.labels[0] for block in of_kind("variable")} == set()
    assert {"urls", "audiences"} <= {block.labels[0] for block in of_kind("output")}


SMALL = """
variable "project" { type = string }
variable "region" { type = string }
variable "callers" { type = set(string) }
variable "deletion_allowed" { type = bool }
variable "soft_delete_days" { type = number }
variable "labels" { type = map(string) }
resource "terraform_data" "bucket" {
  for_each = toset(["originals", "processed"])
  input    = var.labels
}
data "terraform_remote_state" "read" {
  backend = "local"
  config  = { path = "${path.module}/other.tfstate" }
}
output "urls" { value = { upload = join(" ", var.callers) } }
"""


class Locally(Deployment):
    """A deployment whose state is a file beside it."""

    def _backend(self):
        return []


def test_terraform_itself_makes_and_unmakes_what_a_trial_asks_for(tmp_path, nowhere, monkeypatch):
    """The real one, with resources that need no provider."""
    if shutil.which("terraform") is None:
        pytest.skip(NEEDED)
    (nowhere.bin / "terraform").unlink()
    monkeypatch.delenv("TF_DATA_DIR", raising=False)
    monkeypatch.setenv("PATH", str(nowhere.bin), prepend=":")
    (tmp_path / "main.tf").write_text(SMALL)
    other = {"version": 4, "serial": 1, "lineage": "x", "outputs": {}, "resources": []}
    (tmp_path / "other.tfstate").write_text(json.dumps(other))
    deployment = Locally(Gcloud("my-trial", "europe-west1"), "no-bucket", tmp_path)
    deployment.init()
    assert deployment.left() == []
    assert deployment.plan() == {"terraform_data": 2}
    deployment.apply()
    names = ["originals", "processed"]
    assert deployment.left() == [f'terraform_data.bucket["{name}"]' for name in names]
    assert deployment.output("urls") == {"upload": "user:me@example.com"}
    assert deployment.plan() == {}
    deployment.destroy()
    assert deployment.left() == []
    with pytest.raises(Failed, match="start with the step apply"):
        Locally(Gcloud("my-trial", "europe-west1"), "no-bucket", tmp_path).output("urls")


def test_gcloud_understands_every_command_of_a_trial(world, tmp_path):
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        pytest.skip("gcloud is not on PATH: https://docs.cloud.google.com/sdk/docs/install")
    kept = trial(world, "--yes", "--keep", "--only", "apply")
    steps = ("bad-revision", "dead-letter", "destroy")
    result = trial(world, *(word for step in steps for word in ("--only", step)))
    assert (kept.returncode, result.returncode) == (0, 0), kept.stderr + result.stderr
    told = [words for words in world.told if words[0] == "gcloud"]
    commands = sorted({" ".join(f"'{w}'" if " " in w else w for w in words) for words in told})
    assert len(commands) > 12
    file = tmp_path / "commands.json"
    file.write_text(json.dumps([{"command_string": command} for command in commands]))
    linted = subprocess.run(
        [gcloud, "meta", "lint-gcloud-commands", "--commands-file", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stderr
    verdicts = json.loads(linted.stdout)
    assert len(verdicts) == len(commands)
    assert [verdict for verdict in verdicts if not verdict["success"]] == []


def test_without_a_project_nothing_is_begun(nowhere):
    result = trial(nowhere, project="")
    assert result.returncode == 2
    assert "PROJECT=my-trial infra/trial.sh" in result.stderr
    assert result.stdout == ""
    assert nowhere.told == []


def test_nothing_is_made_before_somebody_has_agreed(nowhere):
    result = trial(nowhere)
    assert result.returncode == 1
    assert "1 google_storage_bucket" in result.stderr
    assert "1 google_project" not in result.stderr  # that is only read
    assert "use --yes to continue" in result.stderr
    assert "apply" not in nowhere.verbs("terraform")
    assert "destroy" not in nowhere.verbs("terraform")


def test_whoever_does_not_type_the_project_has_not_agreed(nowhere):
    answer = on_a_terminal(nowhere, b"yes\n")
    assert b"Type my-trial to continue" in answer
    assert b"Nothing was created." in answer
    assert "apply" not in nowhere.verbs("terraform")


def on_a_terminal(cloud, typed):
    """Run a trial with a terminal as its input; return its output."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [SCRIPT],
        env=variables(cloud, PROJECT="my-trial"),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    os.close(theirs)
    try:
        os.write(ours, typed)
        return process.communicate(timeout=300)[0]
    finally:
        os.close(ours)


def test_a_project_that_has_the_buckets_already_is_left_alone(nowhere):
    result = trial(nowhere, "--yes", project="taken-project")
    assert result.returncode == 1
    assert "QuickThumb may be deployed in this project" in result.stderr
    assert nowhere.verbs("terraform")[-1] == "state"


def test_what_a_failed_apply_has_made_is_deleted(nowhere):
    nowhere.become("apply fails")
    result = trial(nowhere, "--yes")
    assert result.returncode == 1
    assert "the quota is used up" in result.stderr
    assert nowhere.terraform["made"] == []
    assert "**It was not completed.** terraform apply" in result.stdout
    assert re.search(r"^\| apply \| \*\*failed\*\* ", result.stdout, re.MULTILINE)
    assert re.search(r"^\| destroy \| nothing is left", result.stdout, re.MULTILINE)


def test_what_cannot_be_deleted_is_told(nowhere):
    nowhere.become("destroy fails")
    nowhere.program("git", "#!/bin/sh\nexit 1\n")  # no clone: the version is not told
    result = trial(nowhere, "--yes", "--only", "apply", "--only", "destroy")
    assert result.returncode == 1
    assert "PROJECT=my-trial REGION=europe-west1 infra/trial.sh --only destroy" in result.stderr
    assert nowhere.terraform["made"] == MADE


@needs.posix("signals")
def test_ctrl_c_waits_for_terraform_and_deletes_what_was_made(nowhere):
    nowhere.become("apply hangs")
    process = subprocess.Popen(
        [SCRIPT, "--yes"],
        env=variables(nowhere, PROJECT="my-trial"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while ["terraform", "hangs"] not in nowhere.told:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    report, told = process.communicate(timeout=300)
    assert process.returncode == 130, told
    assert "waiting for terraform to end" in told
    assert ["terraform", "saved its state"] in nowhere.told
    assert nowhere.terraform["made"] == []
    assert "Somebody pressed Ctrl-C." in report


def test_what_is_kept_can_be_tried_again_and_deleted(world):
    kept = trial(world, "--yes", "--keep", "--burst", "2", "--only", "apply", "--only", "smoke")
    assert kept.returncode == 0, kept.stderr
    assert "It is kept, and costs" in kept.stderr
    assert world.terraform["made"] == MADE
    again = trial(world, "--only", "delete")
    assert again.returncode == 0, again.stderr
    assert re.search(r"^\| delete \| status and thumbnail answer 404 ", again.stdout, re.MULTILINE)
    assert world.terraform["made"] == MADE
    gone = trial(world, "--only", "destroy")
    assert gone.returncode == 0, gone.stderr
    assert world.terraform["made"] == []


def test_a_step_on_what_is_not_deployed_says_so(nowhere):
    result = trial(nowhere, "--only", "smoke")
    assert result.returncode == 1
    assert "Nothing is deployed here: start with the step apply." in result.stderr


def test_a_bad_revision_that_works_is_a_failure_and_is_rolled_back(emulator, world):
    cloud, _ = emulator
    addresses = world.get("addresses")
    world.put("addresses", {**addresses, "tag_url": cloud.addresses.upload})
    assert trial(world, "--yes", "--only", "apply").returncode == 0
    result = trial(world, "--only", "bad-revision")
    assert result.returncode == 1
    assert "the smoke test passed on a revision that cannot work" in result.stderr
    assert world.revisions["traffic"] == {NEW: 100}
    assert world.revisions["tag"] is None


def test_a_running_quickthumb_is_tried_without_google_cloud(emulator, tmp_path):
    cloud, _ = emulator
    alone = FalseCloud(tmp_path / "cloud")
    for name in ("terraform", "gcloud"):
        (alone.bin / name).unlink()
    url = cloud.addresses.upload
    result = trial(alone, "--url", url, "--burst", "5", "--at-once", "2", project="of-another-day")
    assert result.returncode == 0, result.stderr
    assert steps_of(result.stdout) == ["smoke", "calls", "burst", "delete"]
    assert blobs_but_tombstones(cloud) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--url", "http://127.0.0.1:1", "--only", "destroy"],
            "these steps need a project: destroy",
        ),
        (["--url", "http://127.0.0.1:1", "--project", "mine"], "omit --project"),
        (["--only", "everything"], "invalid choice: 'everything'"),
        (["--burst", "0"], "expected a whole number above 0"),
    ],
)
def test_conflicting_options_are_refused(nowhere, arguments, message):
    result = trial(nowhere, *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert nowhere.told == []


def test_an_invalid_picture_is_refused_before_anything_is_created(nowhere):
    result = trial(nowhere, "--yes", "--picture", str(ROOT / "README.md"))
    assert result.returncode == 1
    assert "README.md: expected a JPEG" in result.stderr
    assert nowhere.told == []


@needs.posix("symbolic links")
def test_what_is_not_installed_is_named(nowhere, tmp_path):
    (nowhere.bin / "terraform").unlink()
    empty = tmp_path / "empty"
    empty.mkdir()
    for name in ("sh", "dirname"):
        (empty / name).symlink_to(shutil.which(name))
    result = trial(nowhere, "--yes", PATH=f"{nowhere.bin}:{empty}")
    assert result.returncode == 1
    assert "terraform is not on PATH: https://" in result.stderr


CHECK = """
import json, sys
sys.path[:0] = [sys.argv[1] + "/lib", sys.argv[1] + "/lib/third_party"]
from apitools.base.py import encoding
from googlecloudsdk.generated_clients.apis.monitoring.v3 import monitoring_v3_messages as messages

for query in json.load(sys.stdin)["queries"]:
    given = {name.replace(".", "_"): value for name, value in query.items()}
    given["name"] = "projects/my-trial"
    given["aggregation_groupByFields"] = [given.pop("aggregation_groupByFields", "")]
    request = encoding.PyValueToMessage(messages.MonitoringProjectsTimeSeriesListRequest, given)
    assert not request.all_unrecognized_fields(), request.all_unrecognized_fields()
"""


def test_cloud_monitoring_is_asked_as_its_api_has_it(metrics, monkeypatch):
    """The names and values of the parameters; whether the metrics exist only the cloud can tell."""
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud is not on PATH: https://docs.cloud.google.com/sdk/docs/install")
    where = ["gcloud", "info", "--format=value(basic.python_location,installation.sdk_root)"]
    python, root = subprocess.run(where, capture_output=True, text=True, check=True).stdout.split()
    monkeypatch.setenv(usage.ENDPOINT, f"http://{HOST}:{metrics.server_address[1]}")
    gcloud = Gcloud("my-trial", "europe-west1")
    monkeypatch.setattr(gcloud, "access_token", lambda: "a-token")
    now = datetime.now(UTC)
    used = usage.Metrics(gcloud, now - timedelta(minutes=20), now).used()
    assert used.seconds == {"upload": 100}
    assert used.messages == 10_000
    assert len(metrics.asked) == 7
    for query in metrics.asked:
        assert query["aggregation.alignmentPeriod"] == "1260s"
    checked = subprocess.run(
        [python, "-c", CHECK, root],
        input=json.dumps({"queries": metrics.asked}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_what_cloud_monitoring_refuses_is_told(monkeypatch):
    monkeypatch.setenv(usage.ENDPOINT, "http://127.0.0.1:1")
    gcloud = Gcloud("my-trial", "europe-west1")
    monkeypatch.setattr(gcloud, "access_token", lambda: "a-token")
    now = datetime.now(UTC)
    with pytest.raises(Failed, match=r"Cloud Monitoring: .*refused"):
        usage.Metrics(gcloud, now, now).used()
