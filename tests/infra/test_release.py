"""release.py against a Cloud Run that lives in memory; test_pipeline.py runs it with Terraform."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import release
from tests.infra.stub import gcloud as stand_in
from tests.infra.stub import runs

NAMES = ("upload", "resize", "bury", "sweep")
OUTPUTS = release.Outputs(
    region="here",
    public=False,
    domain="",
    header="X-QuickThumb-Revision",
    triggers=dict(zip(NAMES, ("http", "pubsub", "pubsub", "schedule"), strict=True)),
    audiences={"upload": runs.url("upload")},
)


class CloudRun:
    """Services with some revisions each; fails when and where it is told to."""

    def __init__(self, new=NAMES, held=True):
        self.runs = {name: self._service(name, name in new, held) for name in NAMES}
        self.fails = lambda *_: False
        self.moves = []

    def _service(self, name, is_new, held):
        revisions = [f"{name}-1", *([f"{name}-2"] if is_new else [])]
        target = {"type": runs.REVISION, "revision": f"{name}-1"} if held else {"type": runs.LATEST}
        empty = {"revision": None, "tag": None, "percent": 100}
        return {
            "revisions": [{"name": revision} for revision in revisions],
            "traffic": [empty | target],
            "latest_created_revision": revisions[-1],
            "latest_ready_revision": revisions[-1],
            "uri": runs.url(name),
        }

    def services(self, names):
        found = (release.Service.parse(stand_in.described(self.runs[name])) for name in names)
        return {service.name: service for service in found}

    def move(self, service, *flags):
        self.moves.append((service, flags))
        if self.fails(service, flags):
            raise release.Failed("gcloud failed")
        stand_in.move(self.runs[service], dict(flag[2:].partition("=")[::2] for flag in flags))

    def serving(self):
        return {name: runs.serving(run) for name, run in self.runs.items()}

    def tags(self):
        return {name: self.services([name])[name].tags for name in self.runs}


OLD = {name: {f"{name}-1": 100} for name in NAMES}
NEW = {name: {f"{name}-2": 100} for name in NAMES}


def promote(cloud, outputs=OUTPUTS, attempt=lambda *_: None):
    release.Release(cloud, outputs, attempt).promote()


def test_what_is_new_is_promoted_and_what_was_before_is_remembered():
    cloud = CloudRun()
    promote(cloud)
    assert cloud.serving() == NEW
    assert cloud.tags() == {name: {"previous": f"{name}-1"} for name in NAMES}


def test_the_first_deployment_is_tried_and_then_held():
    cloud, tried = CloudRun(new=(), held=False), []
    promote(cloud, attempt=lambda *call: tried.append(call))
    assert tried == [(runs.url("upload"), runs.url("upload"), [])]
    assert all(service.is_held for service in cloud.services(NAMES).values())


def test_what_is_held_is_left_alone_when_there_is_nothing_new():
    cloud = CloudRun(new=())
    promote(cloud)
    assert cloud.moves == []


def test_a_service_that_is_not_new_is_not_moved():
    cloud = CloudRun(new=("resize",))
    promote(cloud)
    assert cloud.serving() == OLD | {"resize": {"resize-2": 100}}


@given(st.integers(0, 40), st.booleans())
def test_wherever_a_promotion_fails_the_traffic_is_where_it_was_or_where_it_was_to_go(step, wrong):
    """The clock stops at any call: of gcloud, or of the trial."""
    cloud, calls = CloudRun(), [0]

    def count():
        calls[0] += 1
        return calls[0] - 1 == step

    def attempt(*_):
        if count():
            raise release.Wrong("no thumbnails") if wrong else KeyboardInterrupt

    cloud.fails = lambda *_: count()
    try:
        promote(cloud, attempt=attempt)
    except (release.Failed, KeyboardInterrupt):
        served = cloud.serving()
        # All is done but for the tags, or nothing is.
        assert served in (OLD, NEW)
        if served == NEW:
            assert all("previous" in str(flags) for _, flags in cloud.moves[-1:])
        else:
            assert all("candidate" not in tags for tags in cloud.tags().values())
    else:
        assert cloud.serving() == NEW


def test_a_failed_rollback_is_reported_and_the_others_continue(capsys):
    cloud = CloudRun()
    cloud.fails = lambda service, flags: service == "bury" and "bury-1=100" in str(flags)

    def attempt(url, *_):
        if cloud.serving()["resize"] == NEW["resize"]:
            raise release.Wrong("no thumbnails")

    with pytest.raises(release.Wrong):
        promote(cloud, attempt=attempt)
    assert cloud.serving() == OLD | {"bury": NEW["bury"]}
    assert "bury was not rolled back. Do it by hand" in capsys.readouterr().out


def test_a_revision_that_was_found_wrong_is_not_promoted_again():
    cloud = CloudRun()

    def attempt(*_):
        raise release.Wrong("no thumbnails")

    with pytest.raises(release.Wrong):
        promote(cloud, attempt=attempt)
    with pytest.raises(release.Failed, match=r"upload-2 was tried before.*--remove-tags=rejected"):
        promote(cloud)
    assert cloud.serving() == OLD


def test_a_revision_that_does_not_start_is_not_promoted():
    cloud = CloudRun()
    cloud.runs["bury"]["latest_ready_revision"] = "bury-1"
    with pytest.raises(release.Failed, match="revisions describe bury-2 --region=here"):
        promote(cloud)
    assert cloud.moves == []


def test_split_traffic_comes_back_split():
    cloud = CloudRun()
    run = cloud.runs["upload"]
    run["revisions"].insert(0, {"name": "upload-0"})
    stand_in.move(run, {"to-revisions": "upload-0=30,upload-1=70"})

    def attempt(url, *_):
        if "candidate" not in url:
            raise release.Wrong("no thumbnails")

    with pytest.raises(release.Wrong):
        promote(cloud, attempt=attempt)
    assert cloud.serving()["upload"] == {"upload-0": 30, "upload-1": 70}


def test_holding_keeps_what_answers_and_says_so(capsys):
    cloud = CloudRun(new=(), held=False)
    release.hold(cloud, OUTPUTS)
    assert all(service.is_held for service in cloud.services(NAMES).values())
    assert cloud.serving() == OLD
    moves = len(cloud.moves)
    release.hold(cloud, OUTPUTS)
    assert len(cloud.moves) == moves
    assert "upload: traffic stays with upload-1." in capsys.readouterr().out


def test_before_the_first_deployment_there_is_nothing_to_hold(capsys):
    release.hold(CloudRun(), None)
    assert "No function is deployed yet" in capsys.readouterr().out


def test_going_back_gives_the_traffic_to_what_had_it_and_rejects_what_loses_it():
    cloud = CloudRun()
    promote(cloud)
    release.back(cloud, OUTPUTS)
    assert cloud.serving() == OLD
    with pytest.raises(release.Failed, match="tried before"):
        promote(cloud)
    with pytest.raises(release.Failed, match="it was rolled back"):
        release.back(cloud, OUTPUTS)


def test_what_terraform_prints_is_understood():
    assert release.Outputs.parse("{}") is None
    value = {
        "region": "here",
        "public": True,
        "domain": "thumbs.example.com",
        "candidate": {"tag": "candidate", "header": "X-A"},
        "triggers": {"upload": "http"},
    }
    text = json.dumps({"release": {"value": value}})
    assert release.Outputs.parse(text) == release.Outputs(
        "here", True, "thumbs.example.com", "X-A", {"upload": "http"}, {}
    )


def test_the_tag_of_a_candidate_is_the_one_that_the_load_balancer_knows(applied):
    printed = applied.terraform("output", "-json").stdout
    assert json.loads(printed)["release"]["value"]["candidate"]["tag"] == release.CANDIDATE


def test_missing_prerequisites_are_reported(tmp_path, capsys):
    assert release.main(["promote", f"--outputs={tmp_path / 'none'}"]) == 1
    (tmp_path / "empty").write_text("{}")
    assert release.main(["back", f"--outputs={tmp_path / 'empty'}"]) == 1
    assert "Apply infra/ first" in capsys.readouterr().err
