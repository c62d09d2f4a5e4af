"""Fingerprints of failures."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.runs.fingerprint import FINGERPRINT_LENGTH, compute_fingerprint, normalize_message

SIMILAR_MESSAGES = [
    ("duplicate key (order_id)=(88213407)", "duplicate key (order_id)=(88213408)"),
    ("timeout after 12.5 s at 2026-11-23T10:04:11Z", "timeout after 3 s at 2026-11-24 02:04:11.123+01:00"),
    ("no file /srv/data/2026/june.csv", "no file /home/x/other.csv"),
    ("cannot reach 10.0.0.7:5432", "cannot reach 192.168.1.30:5433"),
    ("job 5f0c9a3e-6c0e-4b0c-9b43-3a9d1f6f2f10 is gone", "job 11111111-2222-3333-4444-555555555555 is gone"),
    ("object at 0x7f1c2ab", "object at 0x1234"),
    ("commit 3ce6b43f is bad", "commit 9c6d0451 is bad"),
]


@pytest.mark.parametrize(("one", "other"), SIMILAR_MESSAGES)
def test_details_that_vary_between_runs_do_not_change_the_fingerprint(one: str, other: str) -> None:
    assert compute_fingerprint(one) == compute_fingerprint(other)


def test_different_errors_have_different_fingerprints() -> None:
    messages = ["connection refused", "connection reset", "duplicate key", "no such table orders", "no such table stock"]

    assert len({compute_fingerprint(each) for each in messages}) == len(messages)


@pytest.mark.parametrize("nothing", [None, "", "  \n"])
def test_an_empty_message_has_no_fingerprint(nothing: str | None) -> None:
    assert compute_fingerprint(nothing) is None


@given(st.text())
def test_the_fingerprint_of_any_text_is_stable_and_has_ten_digits(text: str) -> None:
    fingerprint = compute_fingerprint(text)

    assert fingerprint == compute_fingerprint(text)
    assert fingerprint is None or (len(fingerprint) == FINGERPRINT_LENGTH and int(fingerprint, 16) >= 0)


def test_normalizing_a_message_twice_changes_nothing() -> None:
    for one, _ in SIMILAR_MESSAGES:
        assert normalize_message(normalize_message(one)) == normalize_message(one)


@pytest.mark.parametrize("piece", ["1", "a1", "/a", "1.", "0x", "-1", "https://", "aaaaaaa", "2026-"])
def test_no_text_takes_long_to_normalize(piece: str) -> None:
    """The time is compared with that of a plain text of the same length."""

    def cost(text: str) -> float:
        began = time.process_time()
        for _ in range(5):
            compute_fingerprint(text)
        return time.process_time() - began

    assert cost(piece * 100_000) < 200 * (cost("x " * 100_000) + 0.001)
