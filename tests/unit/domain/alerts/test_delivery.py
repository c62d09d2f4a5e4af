"""A delivery: its retries, and how it ends."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alerts.delivery import GIVE_UP_AFTER, MAX_ERROR_LENGTH, Delivery, DeliveryState

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def a_delivery(**changes: object) -> Delivery:
    return replace(Delivery(1, "msg_1", 7, 3, NOW), **changes)  # type: ignore[arg-type]


def fail_until_dead(delivery: Delivery, jitter: float = 0.0) -> list[float]:
    """Return the seconds from the first try to each of the others."""
    now, seconds = NOW, []
    while (delivery := delivery.retry("503", now, jitter=jitter)).state is DeliveryState.SCHEDULED:
        now = delivery.due_at
        seconds.append((now - NOW).total_seconds())
    return seconds


def test_retries_follow_at_growing_delays_and_end_after_a_day() -> None:
    seconds = fail_until_dead(a_delivery())

    assert seconds[:6] == [5, 35, 155, 755, 2_555, 6_155]
    assert seconds[-1] == GIVE_UP_AFTER.total_seconds()
    assert max(b - a for a, b in itertools.pairwise(seconds)) <= 3_600


@given(jitter=st.floats(0, 1))
def test_jitter_never_shortens_a_delay_and_the_last_try_is_after_a_day(jitter: float) -> None:
    seconds = fail_until_dead(a_delivery(), jitter)

    assert seconds[0] >= 5
    assert seconds[-1] == GIVE_UP_AFTER.total_seconds()


@pytest.mark.parametrize(("retry_after", "delay"), [(None, 5), (0.5, 5), (90, 90), (1e300, 86_400), (float("inf"), 86_400)])
def test_a_receiver_can_ask_for_a_later_retry_within_the_day(retry_after: float | None, delay: float) -> None:
    retried = a_delivery().retry("429", NOW, jitter=0, retry_after=retry_after)

    assert retried.due_at == NOW + timedelta(seconds=delay)
    assert (retried.state, retried.tries, retried.last_error) == (DeliveryState.SCHEDULED, 1, "429")


def test_a_permanent_failure_is_not_retried() -> None:
    dead = a_delivery(leased_until=NOW).retry("404", NOW, jitter=0, is_permanent=True)

    assert (dead.state, dead.tries, dead.last_error, dead.leased_until) == (DeliveryState.DEAD, 1, "404", None)


def test_a_try_that_succeeds_after_others_clears_the_error() -> None:
    failed = a_delivery().retry("503", NOW, jitter=0)

    sent = failed.mark_sent(failed.due_at)

    assert (sent.state, sent.tries, sent.last_error, sent.first_tried_at, sent.sent_at) == (
        DeliveryState.SENT,
        2,
        None,
        NOW,
        NOW + timedelta(seconds=5),
    )


def test_holding_a_delivery_is_no_try_of_it() -> None:
    held = a_delivery(leased_until=NOW).hold(NOW + timedelta(hours=9), "quiet")

    assert (held.state, held.tries, held.first_tried_at, held.held_by, held.leased_until) == (
        DeliveryState.SCHEDULED,
        0,
        None,
        "quiet",
        None,
    )


def test_a_long_error_is_shortened() -> None:
    assert len(a_delivery().kill("x" * 1_000_000).last_error or "") == MAX_ERROR_LENGTH
