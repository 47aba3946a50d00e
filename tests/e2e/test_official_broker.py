"""The stories in which the broker has a part, on Google's emulator.

It sends no tokens, so the functions expect none here.
"""

import pytest

from emulator.cloud import Cloud
from emulator.console import Console
from emulator.topology_file import read_topology
from tests.e2e.conftest import need
from tests.e2e.test_contract import (  # noqa: F401 - tests, and what they need
    originals,
    service,
    test_an_upload_goes_from_its_receipt_to_nothing,
    test_curl_gets_three_verdicts_on_three_files,
    test_fifty_at_once_with_one_key_are_one_job,
    test_waiting_clients_do_not_block_others,
)
from tests.e2e.test_large_uploads import (  # noqa: F401
    test_a_picture_that_another_program_put_there_gets_its_thumbnails,
    test_an_invalid_file_of_another_program_has_failed,
    test_the_documented_client_does_all_of_it,
)
from tests.e2e.test_story import (  # noqa: F401
    test_a_broken_picture_ends_as_failed_with_a_reason,
    test_a_deleted_upload_is_gone,
    test_a_forged_push_request_is_refused_and_the_function_lives_on,
    test_a_job_from_eventarc_is_done_too,
    test_a_thumbnail_is_waited_for,
)

pytestmark = pytest.mark.xdist_group("official e2e")


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    need("official")
    topology = read_topology()
    folder = tmp_path_factory.mktemp("official")
    with Cloud(topology, folder, Console(), broker="official") as cloud:
        yield cloud
