"""Which pipelines a silence covers, and when."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.alerts.silence import Silence, find_silence_end

NOW = datetime(2026, 11, 29, 18, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECONDS = st.integers(-5, 5)


def a_silence(pipeline_id: int | None = None, tag: str | None = None, start: int = -1, end: int = 1) -> Silence:
    return Silence(1, pipeline_id, tag, NOW + start * HOUR, NOW + end * HOUR, "maintenance", "ada", NOW)


SILENCES = st.builds(a_silence, st.none() | st.integers(1, 2), st.none() | st.sampled_from(["a", "b"]), SECONDS, SECONDS)


def test_a_silence_covers_its_pipeline_its_tag_or_all_pipelines() -> None:
    assert a_silence(pipeline_id=1).covers(1, (), NOW)
    assert not a_silence(pipeline_id=1).covers(2, ("a",), NOW)
    assert a_silence(tag="a").covers(2, ("b", "a"), NOW)
    assert not a_silence(tag="a").covers(2, ("b",), NOW)
    assert a_silence().covers(2, (), NOW)
    assert a_silence().covers(None, (), NOW)
    assert not a_silence(pipeline_id=1).covers(None, (), NOW)


def test_a_silence_covers_its_first_instant_and_not_its_last() -> None:
    silence = a_silence()

    assert silence.covers(1, (), silence.starts_at)
    assert not silence.covers(1, (), silence.ends_at)


@given(st.lists(SILENCES, max_size=5), st.integers(1, 2), st.sets(st.sampled_from(["a", "b"])))
def test_a_pipeline_is_silent_until_the_last_silence_that_covers_it_ends(silences: list[Silence], pipeline: int, tags: set[str]) -> None:
    end = find_silence_end(silences, pipeline, tags, NOW)

    covering = [each for each in silences if each.covers(pipeline, tags, NOW)]
    assert (end is None) == (not covering)
    assert end is None or (end > NOW and end == max(each.ends_at for each in covering))
