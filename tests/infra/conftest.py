import contextlib
import shutil

import pytest

from tests.infra.deployment import WHOLE, Deployment
from tests.infra.stub.cloud import Cloud
from tests.infra.stub.server import served


@contextlib.contextmanager
def deployed(folder, root="infra"):
    cloud = Cloud(folder / "cloud.json")
    with served(cloud) as environment:
        yield Deployment(folder, environment, cloud, root)


@pytest.fixture(scope="session")
def applied(tmp_path_factory):
    """The whole deployment after its first apply. Not to be changed."""
    with deployed(tmp_path_factory.mktemp("applied")) as deployment:
        deployment.apply(**WHOLE)
        yield deployment


@pytest.fixture(scope="session")
def foundation(tmp_path_factory):
    """The whole foundation after its first apply. Not to be changed."""
    with deployed(tmp_path_factory.mktemp("foundation"), "infra/foundation") as deployment:
        deployment.apply(deployer=True, more_apis=["compute.googleapis.com"])
        yield deployment


@pytest.fixture
def deployment(applied, tmp_path):
    """A copy of the deployment as it is after its first apply, to be changed."""
    folder = tmp_path / "deployment"
    shutil.copytree(applied.folder, folder)
    with deployed(folder) as copy:
        yield copy


@pytest.fixture
def nothing(tmp_path):
    """A deployment of which nothing has been applied."""
    with deployed(tmp_path) as deployment:
        yield deployment
