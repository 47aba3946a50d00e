"""Names in `Content-Disposition`; the standard library's own parser reads them back."""

import re
from email.message import Message
from email.utils import collapse_rfc2231_value

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickthumb.api.headers import attachment


def read_back(header):
    message = Message()
    message["Content-Disposition"] = header
    assert message.get_content_disposition() == "attachment"
    return collapse_rfc2231_value(message.get_param("filename", header="content-disposition"))


@pytest.mark.parametrize(
    ("filename", "plain"),
    [
        ("Kätzchen_256.jpg", "Katzchen_256.jpg"),
        ("naïve café.webp", "naive cafe.webp"),
        ("猫.png", ".png"),
        ("\N{CAT FACE}.png", ".png"),
        ("100%.png", "100_.png"),
    ],
)
def test_a_name_is_there_in_all_its_letters_and_in_ascii(filename, plain):
    header = attachment(filename)
    assert header.startswith(f"attachment; filename=\"{plain}\"; filename*=UTF-8''")
    assert header.isascii()
    assert read_back(header.replace(f' filename="{plain}";', "")) == filename


@pytest.mark.parametrize(
    ("filename", "saved"),
    [
        ('a"; filename="b.exe', "a_; filename=_b.exe"),
        ("a\r\nSet-Cookie: b", "a__Set-Cookie_ b"),
        ("../a/b", ".._a_b"),
        ("a\\b", "a_b"),
        ("gpj.\u202eexe", "gpj._exe"),  # shown as exe.jpg
        ("a\x00b", "a_b"),
    ],
)
def test_unsafe_characters_of_a_name_are_replaced(filename, saved):
    assert read_back(re.sub(r' filename="[^"]*";', "", attachment(filename))) == saved


@given(st.text())
def test_no_name_breaks_the_header(filename):
    header = attachment(filename)
    assert re.fullmatch(
        r"""attachment; filename="[A-Za-z0-9 ._()-]*"(; filename\*=UTF-8''[!-~]*)?""", header
    )
    assert not re.search(r"%(?![0-9A-F]{2})", header)
    header.encode("latin-1")
