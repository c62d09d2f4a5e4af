"""Requests are counted by the monotonic clock, exactly or by weighted windows, and memory is bounded."""

from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import RateLimitItemPerSecond
from limits.strategies import MovingWindowRateLimiter, RateLimiter, SlidingWindowCounterRateLimiter

from adapters.rate_limit_storage import MonotonicStorage

FIVE_IN_TEN_SECONDS = RateLimitItemPerSecond(5, 10)


class FakeMonotonic:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


def count_hits(limiter: RateLimiter, tries: int, caller: str = "caller") -> int:
    return sum(limiter.hit(FIVE_IN_TEN_SECONDS, caller) for _ in range(tries))


@pytest.fixture
def monotonic() -> FakeMonotonic:
    return FakeMonotonic()


@pytest.fixture
def storage(monotonic: FakeMonotonic) -> MonotonicStorage:
    return MonotonicStorage(monotonic)


@pytest.mark.parametrize("create", [MovingWindowRateLimiter, SlidingWindowCounterRateLimiter])
def test_a_caller_has_its_limit_and_again_after_two_windows(
    create: type[RateLimiter], storage: MonotonicStorage, monotonic: FakeMonotonic
) -> None:
    limiter = create(storage)

    first = count_hits(limiter, 9)
    is_free_at_once = limiter.test(FIVE_IN_TEN_SECONDS, "caller")
    monotonic.advance(20)

    assert (first, is_free_at_once) == (5, False)
    assert limiter.test(FIVE_IN_TEN_SECONDS, "caller")
    assert count_hits(limiter, 9) == 5


@pytest.mark.parametrize("create", [MovingWindowRateLimiter, SlidingWindowCounterRateLimiter])
def test_callers_are_counted_separately_and_can_be_cleared(create: type[RateLimiter], storage: MonotonicStorage) -> None:
    limiter = create(storage)

    assert [count_hits(limiter, 9, caller) for caller in ("one", "two")] == [5, 5]
    limiter.clear(FIVE_IN_TEN_SECONDS, "one")

    assert [count_hits(limiter, 9, caller) for caller in ("one", "two")] == [5, 0]


def test_the_previous_window_counts_by_its_share(storage: MonotonicStorage, monotonic: FakeMonotonic) -> None:
    limiter = SlidingWindowCounterRateLimiter(storage)

    count_hits(limiter, 5)
    monotonic.advance(14)  # four seconds into the next window: six tenths of five hits count

    assert count_hits(limiter, 9) == 2


@given(st.lists(st.floats(0, 8), max_size=60))
def test_a_moving_window_never_holds_more_than_its_limit(pauses: list[float]) -> None:
    monotonic = FakeMonotonic()
    limiter = MovingWindowRateLimiter(MonotonicStorage(monotonic))
    taken: deque[float] = deque()
    for pause in pauses:
        monotonic.advance(pause)
        if limiter.hit(FIVE_IN_TEN_SECONDS, "caller"):
            taken.append(monotonic())
        else:
            assert len([at for at in taken if at > monotonic() - 10 - 1e-9]) == 5

    assert all(later - earlier >= 10 - 1e-9 for earlier, later in zip(taken, list(taken)[5:], strict=False))
    assert all(earlier <= later for earlier, later in pairwise(taken))


@pytest.mark.parametrize("create", [MovingWindowRateLimiter, SlidingWindowCounterRateLimiter])
def test_the_number_of_callers_in_memory_is_limited(create: type[RateLimiter], monotonic: FakeMonotonic) -> None:
    limiter = create(MonotonicStorage(monotonic, max_callers=100))

    first = [count_hits(limiter, 6, str(caller)) for caller in range(150)]

    assert first == [5] * 150
    assert count_hits(limiter, 1, "0") == 1, "the first callers were forgotten"
    assert count_hits(limiter, 1, "149") == 0, "the last ones are still counted"


@pytest.mark.parametrize("create", [MovingWindowRateLimiter, SlidingWindowCounterRateLimiter])
def test_callers_whose_window_is_over_are_forgotten_first(create: type[RateLimiter], monotonic: FakeMonotonic) -> None:
    limiter = create(MonotonicStorage(monotonic, max_callers=100))

    for caller in range(90):
        count_hits(limiter, 1, f"old-{caller}")
    monotonic.advance(30)
    for caller in range(20):
        count_hits(limiter, 5, f"new-{caller}")

    assert [count_hits(limiter, 1, f"new-{caller}") for caller in range(20)] == [0] * 20
