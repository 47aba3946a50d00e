"""The steps of cloudbuild.yaml after the tests, with the real Terraform on the cloud of `stub`.

gcloud and the smoke test are stand-ins that work on the same cloud: what a step asks for is done,
and who answers a call is looked up there.
"""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from emulator.bootstrap import ROOT
from infra import image
from tests import needs
from tests.infra.conftest import deployed
from tests.infra.gcloud import refused
from tests.infra.stub import runs
from tests.infra.stub.cloud import PROJECT

pytestmark = needs.bash

BUILD = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())
STEPS = [step for step in BUILD["steps"] if step["id"] != "test"]
DEPLOYER = f"quickthumb-deployer@{PROJECT}.iam.gserviceaccount.com"
STUB = Path(__file__).with_name("stub")
SUBSTITUTIONS = {"PROJECT_ID": PROJECT, "SERVICE_ACCOUNT_EMAIL": DEPLOYER} | BUILD["substitutions"]
GIVEN = {
    "_STATE_BUCKET": f"{PROJECT}-terraform-state",
    "_CALLERS": f'["serviceAccount:{DEPLOYER}"]',
    "_ALERT_EMAIL": "on-call@example.com",
}


class Pipeline:
    """A workspace of Cloud Build, and the cloud that it deploys to."""

    def __init__(self, deployment):
        self.folder = deployment.folder
        self.cloud = deployment.cloud
        self.deployment = deployment
        self.substitutions = SUBSTITUTIONS | GIVEN
        programs = self.folder / "programs"
        if not programs.exists():
            programs.mkdir()
            shutil.copy(STUB / "smoke_test.py", self.folder / "infra")
            self._program("python3", f'exec {sys.executable} "$@"')
            self.cloud.note(images=[])
        self._program("gcloud", f'exec {sys.executable} {STUB / "gcloud.py"} {self._file} "$@"')
        # The backend of these tests keeps the state in a file, and takes no bucket.
        terraform = shlex.quote(str(shutil.which("terraform")))
        drop = (
            'for a; do shift; case "$a" in -backend-config=*) ;; *) set -- "$@" "$a" ;; esac; done'
        )
        self._program("terraform", f'{drop}\nexec {terraform} "$@"')

    @property
    def _file(self):
        return self.folder / "cloud.json"

    def _program(self, name, script):
        file = self.folder / "programs" / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def run(self, **substitutions):
        """Run the build; return the step that failed, None if none did, and what it said."""
        values = self.substitutions | substitutions

        def filled(text):
            for name, value in values.items():
                text = text.replace(f"${{{name}}}", value).replace(f"${name}", value)
            return text.replace("$$", "$").replace("/workspace", str(self.folder))

        environment = dict(entry.split("=", 1) for entry in map(filled, BUILD["options"]["env"]))
        environment |= {
            "PATH": f"{self.folder / 'programs'}:/usr/bin:/bin",
            "HOME": str(self.folder),
            "CHECKPOINT_DISABLE": "1",
            "STUB_CLOUD": str(self._file),
            **self.deployment.environment,
        }
        for step in STEPS:
            result = subprocess.run(
                [step["entrypoint"], *step["args"][:-1], filled(step["args"][-1])],
                cwd=self.folder / step.get("dir", "."),
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            if result.returncode:
                return step["id"], result.stdout
        return None, result.stdout

    def change_code(self, text="# another\n"):
        """Change the functions; return the image that they make."""
        with (self.folder / "functions" / "main.py").open("a") as file:
            file.write(text)
        return self.image()

    def image(self):
        tag = image.content_hash(self.folder / "functions")
        return f"{image.image_name(PROJECT, 'europe-west1')}:{tag}"

    def services(self):
        found = self.cloud.resources(runs.SERVICE)
        return {resource["config"]["name"]: resource["run"] for resource in found}

    def serving(self):
        """Return which revisions answer, by service."""
        return {name: runs.serving(run) for name, run in self.services().items()}

    def newest(self):
        found = self.services().items()
        return {name: {run["latest_created_revision"]: 100} for name, run in found}

    def tags(self):
        return {
            name: {t["tag"]: t["revision"] for t in run["traffic"] if t["tag"]}
            for name, run in self.services().items()
        }


@pytest.fixture(scope="module")
def released_once(tmp_path_factory):
    """A workspace whose first build has gone through. Not to be changed."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not on PATH")
    with deployed(tmp_path_factory.mktemp("pipeline")) as deployment:
        pipeline = Pipeline(deployment)
        failed, said = pipeline.run()
        assert failed is None, said
        yield pipeline


@pytest.fixture
def pipeline(released_once, tmp_path):
    """A copy of that workspace."""
    folder = tmp_path / "workspace"
    shutil.copytree(released_once.folder, folder, symlinks=True)
    with deployed(folder) as deployment:
        yield Pipeline(deployment)


def test_the_first_build_deploys_and_tries_what_it_deployed(released_once):
    assert released_once.serving() == released_once.newest()
    assert released_once.cloud.noted("asked")[0] == [runs.url("upload"), "upload-00001-bbb"]


def test_a_build_of_the_same_code_builds_no_image_and_makes_no_revision(pipeline):
    before, images = pipeline.newest(), pipeline.cloud.noted("images")
    failed, said = pipeline.run()
    assert failed is None, said
    assert pipeline.newest() == before
    assert pipeline.cloud.noted("images") == images


def test_new_code_is_tried_without_traffic_and_then_has_it(pipeline):
    before = pipeline.serving()
    pipeline.change_code()
    asked = len(pipeline.cloud.noted("asked"))
    failed, said = pipeline.run()
    assert failed is None, said
    assert pipeline.serving() == pipeline.newest() != before
    new = "upload-00002-ccc"
    assert pipeline.cloud.noted("asked")[asked:] == [
        [runs.url("upload", "candidate"), new],  # with what answered before behind it
        [runs.url("upload", "candidate"), new],  # with the new functions behind it
        [runs.url("upload"), new],
    ]
    assert pipeline.tags() == {
        name: {"previous": next(iter(shares))} for name, shares in before.items()
    }


def test_a_build_that_fails_changes_nothing(pipeline):
    before, log = pipeline.serving(), pipeline.cloud.log()
    pipeline.cloud.note(gcloud_fails=["builds submit"])
    pipeline.change_code()
    failed, said = pipeline.run()
    assert failed == "build"
    assert "infra/foundation" in said
    assert pipeline.serving() == before
    assert pipeline.cloud.log() == log


@pytest.mark.parametrize("kind", ["google_monitoring_alert_policy", runs.SERVICE])
def test_an_apply_that_fails_half_way_leaves_the_traffic_where_it_was(pipeline, kind):
    before = pipeline.serving()
    pipeline.change_code()
    for resource in pipeline.cloud.resources(kind)[:1]:
        pipeline.cloud.refuse("update", kind, resource["id"].rpartition("/")[2])
    failed, said = pipeline.run(_ALERT_EMAIL="team@example.com")
    assert failed == "apply", said
    assert pipeline.newest() != before  # half of it was done
    assert pipeline.serving() == before
    pipeline.cloud.allow()
    failed, said = pipeline.run(_ALERT_EMAIL="team@example.com")
    assert failed is None, said
    assert pipeline.serving() == pipeline.newest() != before


def test_a_revision_that_does_not_start_has_no_traffic(pipeline):
    before = pipeline.serving()
    pipeline.cloud.note(broken=[pipeline.change_code()])
    failed, said = pipeline.run()
    assert failed == "apply"
    assert "failed to start" in said
    assert pipeline.serving() == before
    pipeline.change_code("# mended\n")
    failed, said = pipeline.run()
    assert failed is None, said
    assert pipeline.serving() == pipeline.newest()


@pytest.mark.parametrize(
    ("service", "tries"),
    [("upload", 1), ("resize", 2)],
    ids=["the one that is called", "the one behind it"],
)
def test_a_bad_revision_is_found_and_has_no_traffic(pipeline, service, tries):
    before, asked = pipeline.serving(), len(pipeline.cloud.noted("asked"))
    pipeline.cloud.note(bad=[[service, pipeline.change_code()]])
    failed, said = pipeline.run()
    assert failed == "promote"
    assert "makes no thumbnails" in said
    assert len(pipeline.cloud.noted("asked")) == asked + tries
    assert pipeline.serving() == before
    assert pipeline.newest() != before


def test_a_later_build_does_not_bring_a_bad_revision_back(pipeline):
    before = pipeline.serving()
    pipeline.cloud.note(bad=[["upload", pipeline.change_code()]])
    pipeline.run()
    pipeline.cloud.note(bad=[])  # however it would do this time
    failed, said = pipeline.run(_ALERT_EMAIL="team@example.com")
    assert failed == "promote"
    assert "was tried before and rejected" in said
    assert pipeline.serving() == before
    pipeline.change_code("# mended\n")
    failed, said = pipeline.run()
    assert failed is None, said
    assert pipeline.serving() == pipeline.newest() != before


def test_a_later_apply_by_hand_does_not_bring_a_bad_revision_back(pipeline):
    before = pipeline.serving()
    pipeline.cloud.note(bad=[["upload", pipeline.change_code()]])
    pipeline.run()
    given = {"callers": [f"serviceAccount:{DEPLOYER}"], "alert_email": "team@example.com"}
    pipeline.deployment.apply(**given)
    assert pipeline.serving() == before
    assert pipeline.deployment.changes(**given) == ""


@pytest.mark.parametrize(
    "words",
    [
        "update-traffic upload --region=europe-west1 --quiet --to-revisions",
        "update-traffic resize --region=europe-west1 --quiet --to-revisions",
        "auth print-identity-token",
    ],
    ids=["the last promotion", "a promotion in between", "the token"],
)
def test_a_promotion_that_fails_gives_the_traffic_back(pipeline, words):
    before = pipeline.serving()
    pipeline.cloud.note(gcloud_fails=[words])
    pipeline.change_code()
    failed, said = pipeline.run()
    assert failed == "promote"
    assert "told to fail" in said
    assert pipeline.serving() == before
    # Nothing was found to be wrong with the revisions themselves: they are tried again.
    pipeline.cloud.note(gcloud_fails=[])
    failed, said = pipeline.run()
    assert failed is None, said
    assert pipeline.serving() == pipeline.newest() != before


def test_what_fails_only_under_traffic_gives_the_traffic_back(pipeline):
    """The last look is at the address that everyone uses."""
    before = pipeline.serving()
    pipeline.change_code()
    script = (pipeline.folder / "infra" / "smoke_test.py").read_text()
    fails = "if '---' not in sys.argv[1]: sys.exit('nothing answers there')"
    (pipeline.folder / "infra" / "smoke_test.py").write_text(f"import sys\n{fails}\n{script}")
    failed, said = pipeline.run()
    assert failed == "promote"
    assert "nothing answers there" in said
    assert pipeline.serving() == before


def test_behind_a_domain_a_new_revision_is_called_by_a_header(pipeline):
    failed, said = pipeline.run(_DOMAIN="thumbs.example.com")
    assert failed is None, said
    pipeline.change_code()
    asked = len(pipeline.cloud.noted("asked"))
    failed, said = pipeline.run(_DOMAIN="thumbs.example.com")
    assert failed is None, said
    # The domain is a setting of the function, so the first run made a revision too.
    url, new = "https://thumbs.example.com", "upload-00003-ddd"
    assert pipeline.cloud.noted("asked")[asked:] == [[url, new]] * 3


def test_the_token_is_made_out_to_the_service(released_once):
    told = [words for words in released_once.cloud.noted("told") if "print-identity-token" in words]
    assert set(told) == {
        f"auth print-identity-token --impersonate-service-account={DEPLOYER} "
        f"--audiences={runs.url('upload')}"
    }


def test_gcloud_understands_all_that_was_asked_of_it(pipeline, tmp_path):
    pipeline.cloud.note(bad=[["resize", pipeline.change_code()]])
    pipeline.run()
    asked = {shlex.join(["gcloud", *words.split(" ")]) for words in pipeline.cloud.noted("told")}
    assert any("update-traffic" in command for command in asked)
    assert any("builds submit" in command for command in asked)
    assert refused(sorted(asked), tmp_path) == {}
