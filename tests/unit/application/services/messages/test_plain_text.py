"""Text from runs in messages: bounded, printable and without passwords."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.services.messages.plain_text import clean_line, clean_lines, find_error_line, is_secret_name

NASTY = st.text(alphabet=st.characters(), max_size=400) | st.binary(max_size=400).map(lambda raw: raw.decode("latin-1"))


def is_printable(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp") and character not in "\u202e\u2066\u200b"


@given(text=NASTY, length=st.integers(1, 300))
def test_a_line_is_printable_and_no_longer_than_allowed(text: str, length: int) -> None:
    line = clean_line(text, length)

    assert len(line) <= length
    assert all(is_printable(each) for each in line)
    line.encode()


@given(text=NASTY, lines=st.integers(2, 30), length=st.integers(20, 500))
def test_lines_are_printable_and_no_more_than_allowed(text: str, lines: int, length: int) -> None:
    shown = clean_lines(text, lines, length)

    assert len(shown) <= length
    assert len(shown.split("\n")) <= lines + 2
    assert all(is_printable(each) or each == "\n" for each in shown)


def test_a_megabyte_keeps_its_first_and_its_last_line() -> None:
    shown = clean_lines("first\n" + "x" * 1_000_000 + "\nValueError: last", 20, 2_000)

    assert shown.startswith("first\n")
    assert shown.endswith("ValueError: last")
    assert len(shown) <= 2_000


def test_a_long_traceback_keeps_the_error() -> None:
    frames = "\n".join(f'  File "a.py", line {n}, in f\n    g()' for n in range(200))
    shown = clean_lines(f"Traceback (most recent call last):\n{frames}\nKeyError: 'id'", 20, 2_000)

    assert shown.startswith("Traceback")
    assert shown.endswith("KeyError: 'id'")
    assert len(shown.split("\n")) == 20


def test_escape_sequences_are_removed() -> None:
    assert clean_line("\x1b[31mred\x1b[0m \x1b]8;;http://x\x1b\\link\x07 \x9b31m", 100) == "red link 31m"


@pytest.mark.parametrize(
    "text",
    [
        "connect to postgresql://etl:hunter2@db/warehouse",
        "Authorization: Bearer hunter2hunter2",
        "password=hunter2 host=db",
        "{'api_key': 'hunter2'}",
        '"client_secret": "hunter2"',
        "https://user:hunter2@example.org/",
        "PASSWORD: hunter2",
        "token=hunter2&x=1",
    ],
)
def test_passwords_are_masked(text: str) -> None:
    assert "hunter2" not in clean_line(text, 1_000)
    assert "********" in clean_line(text, 1_000)


@pytest.mark.parametrize("text", ["the token is invalid", "no password was given", "http://example.org:8080/a", "secret plan"])
def test_ordinary_words_are_not_masked(text: str) -> None:
    assert clean_line(text, 1_000) == text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("ValueError: no rows\nat line 3", "ValueError: no rows"),
        ("\n\n  boom \n", "boom"),
        ('Traceback (most recent call last):\n  File "a.py", line 1\n    f()\nKeyError: 1', "KeyError: 1"),
        ("Traceback (most recent call last):\n  File", "Traceback (most recent call last):"),
        ("", ""),
    ],
)
def test_the_line_that_names_the_error_is_found(text: str, line: str) -> None:
    assert find_error_line(text, 100) == line


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [("db_password", True), ("apiKey", True), ("access_key", True), ("AUTH_TOKEN", True), ("month", False), ("keyboard", False)],
)
def test_names_of_secrets(name: str, is_secret: bool) -> None:
    assert is_secret_name(name) is is_secret
