import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickthumb.documents.rendition import MAX_SIZE
from quickthumb.options import MAX_RENDITIONS, parse_sizes
from quickthumb.problems import InvalidSetting
from quickthumb.settings import Settings
from tests.settings import ENV


def test_what_is_not_set_has_a_default():
    settings = Settings.from_env(ENV)
    assert settings.sizes == (256,)
    assert settings.max_upload_bytes == 32 * 1024 * 1024


def test_the_pixel_limit_reaches_the_limits_of_the_imaging():
    assert Settings.from_env(ENV | {"QUICKTHUMB_MAX_PIXELS": "7"}).limits.max_pixels == 7


def test_named_renditions_take_the_place_of_the_default_sizes():
    env = ENV | {"QUICKTHUMB_RENDITIONS": "small:64,cover:40x30:cover"}
    assert [each.name for each in Settings.from_env(env).menu.standard] == ["small", "cover"]
    both = Settings.from_env(env | {"QUICKTHUMB_SIZES": "32"}).menu
    assert [each.name for each in both.standard] == ["small", "cover", "32"]
    assert Settings.from_env(env | {"QUICKTHUMB_ONLY_RENDITIONS": "true"}).menu.only
    assert not Settings.from_env(env | {"QUICKTHUMB_ONLY_RENDITIONS": "false"}).menu.only


def test_missing_variables_are_all_named_at_once():
    with pytest.raises(InvalidSetting, match=r"ORIGINALS_BUCKET, .*COMPLETED_TOPIC: not set"):
        Settings.from_env({})


def test_an_empty_variable_counts_as_missing():
    with pytest.raises(InvalidSetting, match="QUICKTHUMB_ORIGINALS_BUCKET"):
        Settings.from_env(ENV | {"QUICKTHUMB_ORIGINALS_BUCKET": ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SIZES", "256,abc"),
        ("SIZES", "0"),
        ("SIZES", "99999"),
        ("RENDITIONS", "small:big"),
        ("ONLY_RENDITIONS", "yes"),
        ("SESSIONS_URL", "storage.example/x"),
        ("MAX_UPLOAD_BYTES", "-1"),
        ("MAX_PIXELS", "1e6"),
        ("ORIGINALS_BUCKET", "gs://originals"),
        ("UPLOADS_TOPIC", "uploads"),
        ("CORS_ORIGINS", "https://app.example.com/"),
        ("PUSH_AUDIENCE", "two words"),
        ("PUSH_ACCOUNT", "me"),
        ("PUSH_CERTS_URL", "www.googleapis.com/oauth2/v1/certs"),
        ("CORS_ORIGINS", "app.example.com"),
        ("CORS_ORIGINS", "https://a.example,"),
    ],
)
def test_a_wrong_value_is_named_with_its_variable_and_what_was_expected(name, value):
    with pytest.raises(InvalidSetting) as raised:
        Settings.from_env(ENV | {f"QUICKTHUMB_{name}": value})
    assert f"QUICKTHUMB_{name}: {value!r}: " in str(raised.value)
    assert "expected" in str(raised.value)


def test_origins_and_hashes_of_keys_are_lists():
    settings = Settings.from_env(
        ENV
        | {
            "QUICKTHUMB_CORS_ORIGINS": "https://app.example.com, http://localhost:3000",
            "QUICKTHUMB_API_KEYS": f"{'0a' * 32}, {'0B' * 32}",
        }
    )
    assert settings.cors_origins == ("https://app.example.com", "http://localhost:3000")
    assert settings.api_keys == ("0a" * 32, "0b" * 32)


def test_a_key_in_the_place_of_its_hash_is_not_repeated():
    with pytest.raises(InvalidSetting) as raised:
        Settings.from_env(ENV | {"QUICKTHUMB_API_KEYS": f"{'0a' * 32},the key itself"})
    assert "QUICKTHUMB_API_KEYS: expected a comma-separated list of SHA-256" in str(raised.value)
    assert "entry 2 of 2" in str(raised.value)
    assert "the key itself" not in str(raised.value)


def test_a_secret_that_is_too_short_is_not_repeated():
    secrets = ("s" * 32, "t" * 40)
    settings = Settings.from_env(ENV | {"QUICKTHUMB_TOKEN_SECRETS": ", ".join(secrets)})
    assert settings.token_secrets == secrets
    with pytest.raises(InvalidSetting) as raised:
        Settings.from_env(ENV | {"QUICKTHUMB_TOKEN_SECRETS": f"{secrets[0]},my secret"})
    assert "QUICKTHUMB_TOKEN_SECRETS: expected a comma-separated list of random" in str(
        raised.value
    )
    assert "entry 2 of 2 has 9" in str(raised.value)
    assert "my secret" not in str(raised.value)


@given(st.lists(st.integers(1, MAX_SIZE), min_size=1, max_size=MAX_RENDITIONS, unique=True))
def test_sizes_are_read_back_in_their_order(sizes):
    assert parse_sizes(" , ".join(map(str, sizes))) == tuple(sizes)


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused_with_a_sentence(text):
    try:
        sizes = parse_sizes(text)
    except ValueError as error:
        assert str(error).startswith("expected")
    else:
        assert 1 <= len(sizes) <= MAX_RENDITIONS
        assert all(1 <= size <= MAX_SIZE for size in sizes)


def test_a_size_given_twice_counts_once():
    assert parse_sizes("64,256,64") == (64, 256)


def test_formats_are_accepted_in_addition():
    assert Settings.from_env(ENV).limits.extra_formats == ()
    both = Settings.from_env(ENV | {"QUICKTHUMB_EXTRA_FORMATS": "svg, pdf"})
    assert both.limits.extra_formats == ("svg", "pdf")
    with pytest.raises(InvalidSetting, match="QUICKTHUMB_EXTRA_FORMATS: 'psd': expected"):
        Settings.from_env(ENV | {"QUICKTHUMB_EXTRA_FORMATS": "psd"})
