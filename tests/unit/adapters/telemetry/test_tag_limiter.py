"""A tag keeps a limited number of values."""

from adapters.telemetry.tag_limiter import OTHER, TagValueLimiter


def test_values_beyond_the_limit_share_one_and_earlier_ones_are_kept() -> None:
    limiter = TagValueLimiter()

    values = [limiter.limit("pipeline", f"p{number}") for number in range(1_000)]

    assert values[:200] == [f"p{number}" for number in range(200)]
    assert set(values[200:]) == {OTHER}
    assert limiter.limit("pipeline", "p7") == "p7"
    assert limiter.limit("stage", "p999") == "p999", "each tag has its own limit"
