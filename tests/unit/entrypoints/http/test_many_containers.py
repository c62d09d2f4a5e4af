"""Bodies with very many lists and objects."""

import pytest

from domain.errors import InvalidInput
from entrypoints.http.strict_json import MAX_CONTAINERS, parse, parse_and_check

TOO_MANY = {
    "lists": b"[" + b"[]," * MAX_CONTAINERS + b"1]",
    "objects": b"[" + b"{}," * MAX_CONTAINERS + b"1]",
    "nested": b"[" + (b"[" * 60 + b"]" * 60 + b",") * 4_000 + b"1]",
    "objects with texts": b"[" + b'{"a":"["},' * MAX_CONTAINERS + b"1]",
    "never closed": b"[" * 500_000,
    "behind an open quote": b'["' + b"[" * 500_000,
    "behind an open quote and escaped ones": b'["' + b'\\"[' * 250_000,
}


@pytest.mark.parametrize("kind", TOO_MANY)
@pytest.mark.parametrize("read", [parse, parse_and_check])
def test_too_many_are_refused_in_one_sentence(kind: str, read: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(TOO_MANY[kind])  # type: ignore[operator]

    assert "has more than 200,000 lists and objects" in str(refused.value) or kind.startswith("behind an open quote")


@pytest.mark.parametrize("text", ["[" * 500_000, "{" * 500_000, '[\\"{' * 200_000, "[\\\\" * 200_000])
def test_brackets_in_texts_do_not_count(text: str) -> None:
    value = parse_and_check(b'{"a": "' + text.encode() + b'", "b": [[1]]}')

    assert value["b"] == [[1]] and len(value["a"]) >= 400_000


def test_as_many_as_allowed_are_read() -> None:
    assert len(parse_and_check(b"[" + b"[]," * (MAX_CONTAINERS - 2) + b"[]]")) == MAX_CONTAINERS - 1
