"""Slots are given out in order, never above a limit, and never withheld from a request that fits."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.concurrency.allocation import Allocation, BucketState, OpeningSlots
from domain.concurrency.bucket import Bucket
from domain.concurrency.slots import SlotRequest, sort_requests
from tests.support.builders import NOW

NAMES = ("group:a", "group:b", "group:c", "group:d")
BUCKETS = {name: Bucket(name, name) for name in NAMES}
STATES = st.fixed_dictionaries(
    {name: st.builds(BucketState, st.none() | st.integers(1, 4), st.integers(0, 5), st.just(0)) for name in NAMES}
)


def a_request(run_id: int, *names: str, position: int | None = None, priority: int = 0, age: int = 0) -> SlotRequest:
    return SlotRequest(run_id, position, tuple(BUCKETS[name] for name in names), priority, NOW - timedelta(seconds=age))


@st.composite
def request_lists(draw: st.DrawFn) -> list[SlotRequest]:
    return [
        a_request(
            run_id,
            *sorted(draw(st.sets(st.sampled_from(NAMES), min_size=1))),
            position=draw(st.none() | st.integers(0, 2)),
            priority=draw(st.integers(-1, 1)),
            age=draw(st.integers(0, 3)),
        )
        for run_id in range(1, draw(st.integers(1, 12)) + 1)
    ]


@given(STATES, request_lists(), st.integers(1, 12))
def test_a_grant_never_exceeds_a_limit_and_leaves_no_request_that_fits(
    states: dict[str, BucketState], requests: list[SlotRequest], limit: int
) -> None:
    allocation = Allocation(states)

    granted = allocation.grant(requests, limit)

    for name in NAMES:
        taken = sum(BUCKETS[name] in request.buckets for request in granted)
        state = states[name]
        assert not taken or state.limit is None or state.held + taken <= state.limit
    if len(granted) < limit:
        assert not any(allocation.fits(request.buckets) for request in requests if request not in granted)


@given(STATES, request_lists())
def test_only_what_is_granted_earlier_keeps_a_request_from_its_slots(states: dict[str, BucketState], requests: list[SlotRequest]) -> None:
    granted = Allocation(states).grant(requests, len(requests))

    for request in requests:
        earlier = Allocation(states)
        for other in sort_requests(requests):
            if other is request:
                break
            if other in granted:
                earlier.take(other.buckets)
        assert (request in granted) is earlier.fits(request.buckets)


def test_priority_comes_before_age_and_age_before_the_run_s_id() -> None:
    requests = [
        a_request(1, "group:a"),
        a_request(2, "group:a", age=9),
        a_request(3, "group:a", priority=5),
        a_request(4, "group:a", position=1, age=9),
        a_request(4, "group:a", age=9),
    ]

    order = [(request.run_id, request.position) for request in sort_requests(requests)]

    assert order == [(3, None), (2, None), (4, None), (4, 1), (1, None)]


def test_a_request_that_is_blocked_elsewhere_does_not_hold_up_those_behind_it() -> None:
    states = {"group:a": BucketState(1), "group:b": BucketState(1, held=1)}
    blocked, behind = a_request(1, "group:a", "group:b", priority=9), a_request(2, "group:a")

    assert Allocation(states).grant([blocked, behind], 10) == [behind]


def test_a_bucket_that_is_not_locked_gives_no_slot() -> None:
    allocation = Allocation({})

    assert not allocation.fits([BUCKETS["group:a"]])
    assert not allocation.take_if_not_full((BUCKETS["group:a"],))


def test_a_bucket_without_a_limit_has_always_room() -> None:
    allocation = Allocation({"group:a": BucketState(None, held=10_000)})

    assert allocation.take_if_not_full((BUCKETS["group:a"],))


def test_a_new_request_does_not_overtake_those_that_wait_for_one_of_its_buckets() -> None:
    allocation = Allocation({"group:a": BucketState(5), "group:b": BucketState(5, waiting=1)})

    assert not allocation.take_if_not_full((BUCKETS["group:a"], BUCKETS["group:b"]))
    assert not allocation.take_if_not_full((BUCKETS["group:a"],)), "the first one waits there now"
    assert allocation.get(BUCKETS["group:a"]) == BucketState(5, 0, 2)


def test_slots_over_the_limit_are_marked_as_such() -> None:
    allocation = Allocation({"group:a": BucketState(2, held=1)})
    opening = OpeningSlots(allocation, over_limit=True)

    first, second = opening.take((BUCKETS["group:a"],)), opening.take((BUCKETS["group:a"],))

    assert (first.held, first.over_limit) == (True, False)
    assert (second.held, second.over_limit) == (True, True)
    assert allocation.get(BUCKETS["group:a"]).held == 3
