import shutil

import pytest

from tests.infra.deployment import WHOLE, Deployment
from tests.infra.stub.cloud import Cloud
from tests.infra.stub.server import served


@pytest.fixture(scope="session")
def applied(tmp_path_factory):
    """The whole deployment after its first apply. Not to be changed."""
    folder = tmp_path_factory.mktemp("applied")
    cloud = Cloud(folder / "cloud.json")
    with served(cloud) as environment:
        deployment = Deployment(folder, environment, cloud)
        deployment.init()
        deployment.apply(**WHOLE)
        yield deployment


@pytest.fixture
def deployment(applied, tmp_path):
    """A copy of the deployment as it is after its first apply, to be changed."""
    folder = tmp_path / "deployment"
    shutil.copytree(applied.root, folder)
    cloud = Cloud(folder / "cloud.json")
    with served(cloud) as environment:
        yield Deployment(folder, environment, cloud)


@pytest.fixture
def nothing(tmp_path):
    """A deployment of which nothing has been applied."""
    cloud = Cloud(tmp_path / "cloud.json")
    with served(cloud) as environment:
        deployment = Deployment(tmp_path, environment, cloud)
        deployment.init()
        yield deployment
