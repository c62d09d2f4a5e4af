"""Secrets are masked in every encoding and wherever the output is cut."""

from __future__ import annotations

import base64
import json
import random
import tracemalloc
from urllib.parse import quote, quote_plus

import pytest

from entrypoints.worker.stage_host import secret_masker
from entrypoints.worker.stage_host.secret_masker import MASK, SecretMasker, StreamMasker

CANARIES = (
    "Canary/7+x=Zq 9\"k'ü",
    "hunter2hunter2",
    "aaaaaaaa",
    "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----",
)
CUTS = 10_000


def ways_of_writing(secret: str) -> list[bytes]:
    raw = secret.encode()
    ways = [raw, raw.hex().encode(), raw.hex().upper().encode(), json.dumps(secret).encode(), json.dumps({"a": [secret]}).encode()]
    ways += [quote(secret, "").encode(), quote_plus(secret).encode(), quote(secret).lower().encode() if secret.islower() else raw]
    for before in (b"", b"x", b"xy"):
        ways += [base64.b64encode(before + raw + b"tail"), base64.urlsafe_b64encode(before + raw), base64.encodebytes(before + raw * 4)]
    return ways


def bare(text: bytes) -> bytes:
    return text.replace(b"\n", b"").replace(b"\r", b"")


def traces_of(secret: str) -> list[bytes]:
    """Return what must not remain: the plain text, its hex, and the part of each base64 alignment that depends on the secret only."""
    raw = secret.encode()
    traces = [
        bare(raw),
        raw.hex().encode(),
        raw.hex().upper().encode(),
        bare(json.dumps(secret)[1:-1].encode()),
        quote(secret, "").encode(),
    ]
    traces += [base64.b64encode(b"\0" * before + raw)[before + 1 if before else 0 :][: len(raw) * 8 // 6 - 1] for before in range(3)]
    return traces


def masked(masker: SecretMasker, pieces: list[bytes]) -> bytes:
    stream = StreamMasker(masker)
    return b"".join([*(stream.feed(piece) for piece in pieces), stream.flush()])


def cut_up(data: bytes, dice: random.Random) -> list[bytes]:
    places = sorted(dice.randrange(len(data) + 1) for _ in range(dice.randrange(12)))
    return [data[begin:end] for begin, end in zip([0, *places], [*places, len(data)], strict=True)]


def test_canaries_are_found_nowhere_over_ten_thousand_ways_to_cut_the_output() -> None:
    dice = random.Random(7)
    masker = SecretMasker(CANARIES)
    written = [(secret, way) for secret in CANARIES for way in ways_of_writing(secret)]

    for _ in range(CUTS):
        secret, way = dice.choice(written)
        said = masked(masker, cut_up(b"before \xff\n" + way + b"\n! end", dice))

        assert said.startswith(b"before \xff\n")
        assert said.endswith(b"! end")
        assert MASK.encode() in said
        left = [trace for trace in traces_of(secret) if trace in bare(said)]
        assert not left, (secret, way, said)


def test_output_without_a_secret_is_unchanged() -> None:
    dice = random.Random(8)
    masker = SecretMasker(CANARIES)
    alphabet = b"Canhu2\n\raeM-B \xff"

    for _ in range(2_000):
        data = bytes(dice.choice(alphabet) for _ in range(dice.randrange(60)))
        if not any(form in bare(data) for form in masker.forms):
            assert masked(masker, cut_up(data, dice)) == data


@pytest.mark.parametrize("secret", CANARIES)
def test_cuts_in_the_output_change_nothing(secret: str) -> None:
    dice = random.Random(9)
    masker = SecretMasker(CANARIES)
    data = b"a " + secret.encode() * 3 + b" b " + secret.encode()[:-1]

    whole = masked(masker, [data])

    assert all(masked(masker, cut_up(data, dice)) == whole for _ in range(200))


def test_only_a_possible_beginning_of_a_secret_is_held_back() -> None:
    stream = StreamMasker(SecretMasker(["hunter2hunter2"]))

    said = [stream.feed(piece) for piece in (b"the hunter\n", b"came home", b" hunt", b"er2hunter2!")]

    assert said == [b"the ", b"hunter\ncame home", b" ", b"***!"]


def test_a_long_run_of_one_character_uses_bounded_memory() -> None:
    masker = SecretMasker(["aaaaaaaa"])
    stream = StreamMasker(masker)

    tracemalloc.start()
    masked = b"".join([stream.feed(b"a" * 100) for _ in range(10_000)])
    held = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, secret_masker.__file__)])
    tracemalloc.stop()

    assert masked + stream.flush() == b"***"
    assert sum(trace.size for trace in held.traces) < 10_000, "a hundredth of what was fed"


def test_a_json_value_is_masked_in_names_strings_and_numbers() -> None:
    masker = SecretMasker(["hunter2hunter2", "1234567890"])

    value = masker.value({"a hunter2hunter2": ["x hunter2hunter2", 1234567890, 12.5, True, None], "n": {"deep": "1234567890"}})

    assert value == {"a ***": ["x ***", MASK, 12.5, True, None], "n": {"deep": MASK}}


def test_a_text_cut_within_a_secret_keeps_no_part_of_it() -> None:
    assert SecretMasker(["hunter2hunter2"]).text("it was hunter2hunt") == "it was ***"
