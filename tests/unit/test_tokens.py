import json
import threading

import pytest
from google.oauth2 import id_token

from emulator.errors import NoTokens
from emulator.parts.tokens import AUDIENCE, PushToken, push_token, tokens_for
from emulator.pubsub.doors.key_server import KEY_FILE_NAME
from emulator.pubsub.doors.signing import SigningKey


class Served:
    """Answers with the certificates of a broker."""

    status = 200

    def __init__(self, folder):
        self.data = json.dumps(SigningKey(folder / KEY_FILE_NAME).public_keys()).encode()

    def __call__(self, *_, **__):
        return self


def claims(headers, folder):
    token = headers["Authorization"].removeprefix("Bearer ")
    return id_token.verify_token(token, Served(folder), AUDIENCE, "http://certs")


def test_a_function_that_names_no_audience_wants_a_token_of_the_emulator():
    for variables in ({}, {"QUICKTHUMB_PUSH_AUDIENCE": ""}):
        assert tokens_for({"f": variables}, signed=False) == {}
        assert push_token(variables).audience == AUDIENCE


def test_a_token_is_for_the_audience_and_of_the_account_that_a_function_names():
    variables = {"QUICKTHUMB_PUSH_AUDIENCE": "me", "QUICKTHUMB_PUSH_ACCOUNT": "a@b.example"}
    with pytest.raises(NoTokens):
        tokens_for({"f": variables}, signed=False)
    assert push_token(variables) == PushToken("a@b.example", "me")
    del variables["QUICKTHUMB_PUSH_ACCOUNT"]
    account = "quickthumb-push@quickthumb.iam.gserviceaccount.com"
    assert push_token(variables) == PushToken(account, "me")


def test_a_token_is_signed_with_the_key_of_the_broker_also_before_that_has_one(tmp_path):
    headers = PushToken("a@b.example", AUDIENCE).headers(tmp_path)
    assert claims(headers, tmp_path)["email"] == "a@b.example"
    assert (tmp_path / KEY_FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_processes_that_need_the_key_at_once_agree_on_one(tmp_path):
    both, found = threading.Barrier(2), []

    def sign():
        key = SigningKey(tmp_path / KEY_FILE_NAME)
        both.wait()
        found.append(key.public_keys())

    threads = [threading.Thread(target=sign) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1] == SigningKey(tmp_path / KEY_FILE_NAME).public_keys()
    assert [file.name for file in tmp_path.iterdir()] == [KEY_FILE_NAME]
