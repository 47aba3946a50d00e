"""Links in documents resolve, and a test runs every command that can be run without a cloud."""

import pytest

from emulator.bootstrap import ROOT
from tests.documents import DOCUMENTS, anchors, commands, links, resolves

WALKED = ("curl", "printf '%s' '")
"""What tests/e2e/test_readme.py runs wherever it is, unless it needs a cloud."""

TESTED = {
    "python3 -m emulator up": "tests/e2e/test_up.py",
    "K_SERVICE=local python3 -m emulator up": "tests/e2e/test_up.py",
    "python3 -m emulator up --notify": "tests/e2e/test_notify.py",
    "URL=http://127.0.0.1:9000/": "tests/e2e/test_notify.py",
    **dict.fromkeys(
        (
            "cp -r docs/guest-book",
            "python3 -m venv my-guest-book",
            "my-guest-book/app/.venv/bin/python -m pip",
            "curl -d ",
            "curl 'http://127.0.0.1:PORT/storage/v1/b/guest-book",
            "sed -i.before",
            'eval "$(python3 -m emulator env --topology',
        ),
        "tests/e2e/test_guest_book.py",
    ),
    **dict.fromkeys(
        (
            "curl -s ",
            "for i in $(seq ",
            "cmp first.jpg",
            *(
                f"python3 -m emulator {command}"
                for command in (
                    *("status", "watch", "queue", "pause", "resume", "scale", "kill"),
                    *("poison", "purge", "redeliver"),
                )
            ),
        ),
        "tests/e2e/test_ten_minutes.py",
    ),
    "python3 -m emulator thumb": "tests/e2e/test_readme.py",
    "python3 -m emulator load": "tests/e2e/test_load.py",
    "python3 -m emulator sweep": "tests/e2e/test_sweep.py",
    "pubsub-emulator": "tests/conformance/test_readme.py",
    "PUBSUB_PROJECT1=shop,orders": "tests/conformance/test_readme.py",
    "pip install ./emulator/pubsub": "tests/e2e/test_pubsub_package.py",
    "docker ": "tests/e2e/test_pubsub_package.py",
    "python3 -m emulator test": "tests/e2e/test_readme.py",
    'eval "$(python3 -m emulator env)"': "tests/e2e/test_up.py",
    "functions-framework": "tests/e2e/test_up.py",
    "unset QUICKTHUMB_PUSH_AUDIENCE": "tests/unit/test_callers.py",
    "python thumb.py": "tests/api/test_clients.py",
    "node thumb.mjs": "tests/api/test_clients.py",
    "KEY=$(openssl": "tests/e2e/test_access.py",
    'printf %s "$KEY"': "tests/e2e/test_access.py",
    "python3 -c 'import hashlib": "tests/e2e/test_access.py",
    ".venv/bin/python -m bench.budget": "tests/e2e/test_budget.py",
    ".venv/bin/python -m bench.cost": "tests/unit/test_cost.py",
    ".venv/bin/python -m bench.growth": "tests/e2e/test_growth.py",
    ".venv/bin/python -m bench.pipeline": "tests/e2e/test_pipeline.py",
    "python3 infra/image.py": "tests/infra/test_image.py",
    "python3 infra/release.py": "tests/infra/test_release.py",
    "infra/trial.sh --url": "tests/infra/test_trial.py",
}
"""Commands by how they begin, and the test that runs them."""

NOT_RUN = {
    "gcloud ": "needs Google Cloud; gcloud's own linter checks it",
    "terraform ": "needs Google Cloud; tests/infra applies the same to a fake one",
    "export ": "names a project",
    "URL=$(": "asks Google Cloud",
    "TOKEN=$(": "asks Google Cloud",
    "DEPLOYER=": "names a project",
    "SWEEP_URL=$(": "asks Google Cloud",
    "RESIZE_URL=$(": "asks Google Cloud",
    "AGENT=": "asks Google Cloud",
    "ENVIRONMENT=": "names a project; tests/infra/test_deployment_texts.py compares it",
    'curl -H "Authorization: Bearer $TOKEN"': "needs a deployment",
    'curl -H "Authorization: Bearer $(gcloud': "needs a deployment",
    "PROJECT=my-trial infra/trial.sh": "needs Google Cloud; tests/infra fakes it",
    "python3 -m emulator lock": "needs the package index",
}
"""Commands by how they begin, and why no test runs them."""


def reasons(line):
    return [start for start in (*TESTED, *NOT_RUN) if line.startswith(start)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_resolves(document):
    assert [link for link in links(document) if not resolves(document, link)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_is_run_by_a_test_or_says_why_not(document):
    unknown = [
        command.line
        for command in commands(document)
        if not reasons(command.line) and not command.line.startswith(WALKED)
    ]
    assert unknown == []


def test_no_reason_is_left_over():
    lines = [command.line for document in DOCUMENTS for command in commands(document)]
    used = {start for line in lines for start in reasons(line)}
    assert {*TESTED, *NOT_RUN} - used == set()
    assert [test for test in TESTED.values() if not (ROOT / test).exists()] == []


def test_a_heading_gives_the_anchor_that_github_gives(tmp_path):
    document = tmp_path / "a.md"
    document.write_text("# `upload` & more: a-b_c\n\n[x](#upload--more-a-b_c) [y](#none) [z](b)\n")
    assert anchors(document) == {"upload--more-a-b_c"}
    assert [link for link in links(document) if not resolves(document, link)] == ["#none", "b"]


def test_no_document_repeats_a_command_that_deploys():
    deploying = ("gcloud", "terraform", "python3 infra/")
    lines = {
        document: {c.line for c in commands(document) if c.line.startswith(deploying)}
        for document in DOCUMENTS
    }
    repeated = [
        (one.name, other.name, lines[one] & lines[other])
        for one in DOCUMENTS
        for other in DOCUMENTS
        if one < other and lines[one] & lines[other]
    ]
    assert repeated == []
