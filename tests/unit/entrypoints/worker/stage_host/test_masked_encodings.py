"""No usual way of writing a secret leaves it readable, wherever the output is cut and whatever is inside."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrypoints.worker.stage_host.secret_masker import MASK, SecretMasker, StreamMasker

INSIDE: Final = (
    b"",
    b"\n",
    b"\r\n",
    b"\x1b[31m",
    b"\x1b[0m",
    b"\x1b[38;5;196m",
    b"\x1b(B\x1b[m",
    b"\x1b[K",
    b"\x1b]8;;http://a.b/\x1b\\",
    b"\x1b7",
)


def escape(secret: str, style: str) -> bytes:
    data = secret.encode("utf-16-be")
    return b"".join(b"\\u" + format(int.from_bytes(data[at : at + 2], "big"), style).encode() for at in range(0, len(data), 2))


def percent(secret: str, style: str) -> bytes:
    return "".join(f"%{byte:{style}}" for byte in secret.encode()).encode()


ENCODINGS: Final[dict[str, Callable[[str], bytes]]] = {
    "plain": lambda secret: secret.encode(),
    "json": lambda secret: json.dumps(secret)[1:-1].encode(),
    "hex": lambda secret: secret.encode().hex().encode(),
    "HEX": lambda secret: secret.encode().hex().upper().encode(),
    "colon hex": lambda secret: secret.encode().hex(":").encode(),
    "COLON HEX": lambda secret: secret.encode().hex(":").upper().encode(),
    "every byte in percent": lambda secret: percent(secret, "02x"),
    "EVERY BYTE IN PERCENT": lambda secret: percent(secret, "02X"),
    "percent": lambda secret: quote(secret, "").encode(),
    "percent in a path": lambda secret: quote(secret).encode(),
    "percent in a form": lambda secret: quote_plus(secret).encode(),
    "percent by JavaScript": lambda secret: quote(secret, "!'()*").encode(),
    "escapes": lambda secret: escape(secret, "04x"),
    "ESCAPES": lambda secret: escape(secret, "04X"),
}

# Line ends and escapes are what the masker looks through, so a secret has none here.
SECRETS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=8, max_size=40)
CUTS = st.lists(st.integers(0, 1000), max_size=8)


def mask(secret: str, output: bytes, cuts: list[int]) -> bytes:
    """Mask the output in pieces, and return it without line ends and terminal codes."""
    stream = StreamMasker(SecretMasker([secret]))
    places = sorted({min(cut, len(output)) for cut in cuts})
    pieces = [output[begin:end] for begin, end in zip([0, *places], [*places, len(output)], strict=True)]
    said = b"".join([*(stream.feed(piece) for piece in pieces), stream.flush()])
    return re.sub(b"|".join(map(re.escape, sorted(filter(None, INSIDE), key=len, reverse=True))), b"", said)


def insert(written: bytes, inside: list[bytes]) -> bytes:
    """Put one of the parts after each byte, in turn."""
    return b"".join(bytes([byte]) + inside[at % len(inside)] for at, byte in enumerate(written))


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=60, deadline=None)
@given(secret=SECRETS, cuts=CUTS, inside=st.lists(st.sampled_from(INSIDE), min_size=1, max_size=5))
def test_no_encoding_leaves_a_secret_readable(encoding: str, secret: str, cuts: list[int], inside: list[bytes]) -> None:
    written = ENCODINGS[encoding](secret)

    said = mask(secret, b"<< " + insert(written, inside) + b" >>", cuts)

    assert written not in said
    assert MASK.encode() in said
    assert said.startswith(b"<< ")
    assert said.endswith(b" >>")


@pytest.mark.parametrize("urlsafe", [False, True])
@settings(max_examples=100, deadline=None)
@given(secret=SECRETS, before=st.binary(max_size=12), after=st.binary(max_size=12), cuts=CUTS, inside=st.sampled_from(INSIDE))
def test_base64_of_a_longer_text_shows_no_secret(
    urlsafe: bool, secret: str, before: bytes, after: bytes, cuts: list[int], inside: bytes
) -> None:
    raw, encode = secret.encode(), base64.urlsafe_b64encode if urlsafe else base64.b64encode
    written = encode(before + raw + after)

    said = mask(secret, insert(written, [inside]), cuts)

    assert written[-(-len(before) * 8 // 6) : (len(before) + len(raw)) * 8 // 6] not in said
    assert MASK.encode() in said


@pytest.mark.parametrize("padded", [False, True])
@settings(max_examples=100, deadline=None)
@given(secret=SECRETS, before=st.binary(max_size=12), after=st.binary(max_size=12), cuts=CUTS, inside=st.sampled_from(INSIDE))
def test_base32_of_a_longer_text_shows_no_secret(
    padded: bool, secret: str, before: bytes, after: bytes, cuts: list[int], inside: bytes
) -> None:
    raw = secret.encode()
    written = base64.b32encode(before + raw + after)

    said = mask(secret, insert(written if padded else written.rstrip(b"="), [inside]), cuts)

    assert written[-(-len(before) * 8 // 5) : (len(before) + len(raw)) * 8 // 5] not in said
    assert MASK.encode() in said


def test_a_line_that_ends_like_a_secret_begins_is_not_held_back() -> None:
    stream = StreamMasker(SecretMasker(["hunter2hunter2"]))

    said = [stream.feed(piece) for piece in (b"a hunt\n", b"er2hunter2 b\n", b"a hunt\n", b"is over\n")]

    assert said == [b"a hunt\n", b"*** b\n", b"a hunt\n", b"is over\n"]


@pytest.mark.parametrize("filler", [b"\n", b"\x1b[0m", b"\x1b", b"\x1b["])
def test_line_ends_and_codes_inside_a_possible_secret_use_bounded_memory(filler: bytes) -> None:
    stream = StreamMasker(SecretMasker(["hunter2hunter2"]))
    fed = said = stream.feed(b"")
    for piece in (b"hunter2", *[filler * 8192] * 12):
        fed, said = fed + piece, said + stream.feed(piece)

        assert len(fed) - len(said) < 70_000

    assert said + stream.flush() == fed
