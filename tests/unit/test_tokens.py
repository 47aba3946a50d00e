from emulator.tokens import PushToken, push_token


def test_a_function_that_names_no_audience_wants_no_token():
    assert push_token({}, "p") is None
    assert push_token({"QUICKTHUMB_PUSH_AUDIENCE": ""}, "p") is None


def test_a_token_is_for_the_audience_and_of_the_account_that_a_function_names():
    variables = {"QUICKTHUMB_PUSH_AUDIENCE": "me", "QUICKTHUMB_PUSH_ACCOUNT": "a@b.example"}
    assert push_token(variables, "p") == PushToken("a@b.example", "me")
    del variables["QUICKTHUMB_PUSH_ACCOUNT"]
    account = "quickthumb-push@p.iam.gserviceaccount.com"
    assert push_token(variables, "p") == PushToken(account, "me")
