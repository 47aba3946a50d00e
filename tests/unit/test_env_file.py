import pytest

from emulator.env_file import read_env_file
from emulator.errors import InvalidEnvFile

SECRET = "hunter2"  # noqa: S105 - it is none


def read(tmp_path, text):
    file = tmp_path / ".env"
    file.write_bytes(text.encode())
    return read_env_file(file)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=1", "1"),
        ("  export A = 1  ", "1"),
        ("A=", ""),
        ("A= # nothing", ""),
        ("A=a b  # a comment", "a b"),
        ("A=a#b", "a#b"),
        ("A=https://x.example/?a=b&c='d'", "https://x.example/?a=b&c='d'"),
        ("A='a \"b\" \\n # c' # d", 'a "b" \\n # c'),
        (r'A="two\nlines, \"quoted\", \\ and \t"', 'two\nlines, "quoted", \\ and \\t'),
        ("A=$HOME", "$HOME"),
        ("A=1\r", "1"),
        ("\ufeffA=1", "1"),
        ("A=0\nA=1", "1"),
        ("# A=0\n\nA=1", "1"),
    ],
)
def test_a_line_sets_a_variable(tmp_path, line, value):
    assert read(tmp_path, line + "\n") == {"A": value}


@pytest.mark.parametrize(
    "line",
    [
        SECRET,
        f"={SECRET}",
        f"1A={SECRET}",
        f"A B={SECRET}",
        f'A="{SECRET}',
        f"A='{SECRET}",
        f'A="{SECRET}"more',
        f"A={SECRET}\0",
    ],
)
def test_a_wrong_line_is_told_by_its_number_and_never_shown(tmp_path, line):
    with pytest.raises(InvalidEnvFile) as raised:
        read(tmp_path, f"B=1\n{line}\n")
    assert ".env, line 2: expected NAME=value" in str(raised.value)
    assert SECRET not in str(raised.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(InvalidEnvFile, match=r"nothing: No such file"):
        read_env_file(tmp_path / "nothing")
    (tmp_path / "binary").write_bytes(b"A=\xff")
    with pytest.raises(InvalidEnvFile, match="binary: byte 2 is not UTF-8"):
        read_env_file(tmp_path / "binary")
