"""The cloud of these tests refuses what the real one would."""

import pytest

from tests.infra.stub import runs
from tests.infra.stub.cloud import Cloud, Refused, Wanted


@pytest.fixture
def cloud(tmp_path):
    return Cloud(tmp_path / "cloud.json")


def wanted(kind, **config):
    return Wanted(kind, config, config | {"traffic": config.get("traffic", [])})


def test_a_name_is_given_once(cloud):
    topic = wanted("google_pubsub_topic", name="uploads")
    cloud.create(topic)
    with pytest.raises(Refused, match="already exists"):
        cloud.create(topic)


def test_a_certificate_in_use_is_not_deleted(cloud):
    certificate = cloud.create(wanted("google_compute_managed_ssl_certificate", name="a"))
    proxy = wanted(
        "google_compute_target_https_proxy", name="b", ssl_certificates=[certificate["id"]]
    )
    cloud.create(proxy)
    with pytest.raises(Refused, match=r"being used by .*/b"):
        cloud.delete("google_compute_managed_ssl_certificate", certificate)


def test_what_is_unused_is_deleted_though_a_longer_name_is_in_use(cloud):
    channel = cloud.create(wanted("google_monitoring_notification_channel"))
    longer = [channel["id"] + "7"]
    cloud.create(wanted("google_monitoring_alert_policy", notification_channels=longer))
    cloud.delete("google_monitoring_notification_channel", channel)
    assert cloud.resources("google_monitoring_notification_channel") == []


def test_what_is_protected_is_not_deleted(cloud):
    service = wanted(runs.SERVICE, name="a", location="here", template=[{}])
    made = cloud.create(service)
    with pytest.raises(Refused, match="deletion_protection"):
        cloud.delete(runs.SERVICE, made | {"deletion_protection": True})


def service(traffic=(), image="1"):
    template = [{"containers": [{"image": image}]}]
    return wanted(runs.SERVICE, name="a", location="here", template=template, traffic=[*traffic])


def test_a_changed_template_is_a_revision_and_latest_is_the_newest(cloud):
    made = cloud.create(service())
    cloud.update(made["id"], service(image="2"))
    (found,) = cloud.resources()
    first, second = (revision["name"] for revision in found["run"]["revisions"])
    assert first != second
    assert runs.serving(found["run"]) == {second: 100}
    cloud.update(made["id"], service(image="2"))
    assert len(cloud.resources()[0]["run"]["revisions"]) == 2


def test_a_named_revision_keeps_its_traffic(cloud):
    made = cloud.create(service())
    first = made["latest_created_revision"]
    pinned = [{"type": runs.REVISION, "revision": first, "percent": 100}]
    cloud.update(made["id"], service(pinned, image="2"))
    assert runs.serving(cloud.resources()[0]["run"]) == {first: 100}


@pytest.mark.parametrize(
    "traffic",
    [
        [{"type": runs.LATEST, "percent": 50}],
        [{"type": runs.REVISION, "revision": "a-none", "percent": 100}],
    ],
)
def test_invalid_traffic_is_refused(cloud, traffic):
    with pytest.raises(runs.Invalid, match="traffic"):
        cloud.create(service(traffic))
