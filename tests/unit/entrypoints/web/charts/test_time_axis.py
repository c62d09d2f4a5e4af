"""A time axis that cuts idle periods keeps the order of times, and its labels apart."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from application.queries.runs.idle_periods import IdleCause, IdlePeriod
from entrypoints.web.charts.time_axis import LABEL_WIDTH, TimeAxis, build_time_axis
from tests.support.builders import NOW, seconds_later

LENGTHS = st.floats(0.01, 100_000)


@st.composite
def axes(draw: st.DrawFn) -> tuple[TimeAxis, float]:
    """An axis of periods of work and of idle periods in turn, and its length in seconds."""
    passed, idle = 0.0, []
    for work, rest in draw(st.lists(st.tuples(LENGTHS, LENGTHS), max_size=6)):
        start = passed + work
        passed = start + rest
        idle.append(IdlePeriod(seconds_later(start), seconds_later(passed), IdleCause.RETRY))
    length = passed + draw(st.floats(0, 100))
    return build_time_axis(NOW, NOW + timedelta(seconds=length), length, idle, 0.5), length


@given(axes(), st.lists(st.floats(0, 1), min_size=2))
def test_later_times_are_never_left_of_earlier_ones(built: tuple[TimeAxis, float], shares: list[float]) -> None:
    axis, length = built

    places = [axis.get_offset_x(share * length) for share in sorted(shares)]

    assert places == sorted(places)
    assert all(0 <= x <= 100 for x in places)


@given(axes(), st.booleans())
def test_labels_of_cuts_and_ticks_keep_apart(built: tuple[TimeAxis, float], has_now: bool) -> None:
    axis, length = built
    now = axis.get_offset_x(length) if has_now else None

    cuts = axis.lay_out_cuts(now)
    lefts = [cut.label_x - {"start": 0, "middle": 0.5, "end": 1}[cut.anchor] * LABEL_WIDTH for cut in cuts if cut.label]

    assert all(right - left >= LABEL_WIDTH - 0.02 for left, right in pairwise(lefts))
    for tick in axis.lay_out_ticks(now, cuts):
        assert not any(left <= tick.x <= left + LABEL_WIDTH for left in lefts)
        assert not any(cut.x <= tick.x <= cut.x + cut.width for cut in cuts)


@given(axes())
def test_a_cut_takes_little_of_the_axis_however_long_the_idle_time_is(built: tuple[TimeAxis, float]) -> None:
    axis, _ = built

    cuts = axis.lay_out_cuts(None)

    assert sum(cut.width for cut in cuts) <= 34
    assert all(cut.title.endswith("until it was retried") and "idle" in cut.title for cut in cuts)


def test_short_waits_are_not_cut() -> None:
    spans = ((10, 14), (90, 100))
    idle = [IdlePeriod(seconds_later(since), seconds_later(until), IdleCause.APPROVAL) for since, until in spans]

    assert build_time_axis(NOW, seconds_later(100), 100.0, idle, 0.5).cuts == []


def test_ticks_count_the_time_without_the_cuts() -> None:
    idle = [IdlePeriod(seconds_later(50), seconds_later(50 + 30_000), IdleCause.RETRY)]

    axis = build_time_axis(NOW, seconds_later(30_100), 30_100.0, idle, 0.5)

    cuts = axis.lay_out_cuts(None)
    assert [cut.label for cut in cuts] == ["8 h 20 m idle"]
    labels = [tick.label for tick in axis.lay_out_ticks(None, cuts)]
    assert labels[0] == "0 s" and labels[-1] == "1 m 40 s"
