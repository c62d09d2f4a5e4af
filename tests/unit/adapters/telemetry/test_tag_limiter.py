"""Tags take few values, whatever is created."""

from adapters.telemetry.tag_limiter import OTHER, TagValueLimiter


def test_past_the_limit_values_share_one_and_those_known_keep_theirs() -> None:
    bounded = TagValueLimiter()

    values = [bounded.value("pipeline", f"p{number}") for number in range(1_000)]

    assert values[:200] == [f"p{number}" for number in range(200)]
    assert set(values[200:]) == {OTHER}
    assert bounded.value("pipeline", "p7") == "p7"
    assert bounded.value("stage", "p999") == "p999", "each tag has a limit of its own"
