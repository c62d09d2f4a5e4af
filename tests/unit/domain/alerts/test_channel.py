"""Channels: their names, and how their state changes."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.alerts.channel import Channel, ChannelKind, find_channel_name_problem, parse_channel_name
from domain.errors import InvalidInput

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def a_channel() -> Channel:
    return Channel(1, "team-slack", ChannelKind.APPRISE, b"encrypted", "hooks.slack.com/…", NOW, "ada")


@pytest.mark.parametrize("name", ["a", "0", "team-slack", "-", "x" * 63])
def test_a_valid_name_is_accepted(name: str) -> None:
    assert parse_channel_name(name) == name


@pytest.mark.parametrize("name", ["", "x" * 64, "Team", "a b", "a_b", "a.b", "ü", "a\n", "a/b", "٣", "a\0", None, 5, True, ["a"], {}])
def test_another_name_is_refused_with_its_field(name: object) -> None:
    assert find_channel_name_problem(name)
    with pytest.raises(InvalidInput) as refused:
        parse_channel_name(name, "fallback")

    assert [problem.field for problem in refused.value.problems] == ["fallback"]


def test_the_first_reason_to_disable_a_channel_stays() -> None:
    disabled = a_channel().disable("The receiver answered 410.", NOW).disable("Another reason.", NOW + timedelta(hours=1))

    assert (disabled.is_disabled, disabled.disabled_at, disabled.disabled_reason) == (True, NOW, "The receiver answered 410.")
    assert disabled.enable() == a_channel()


def test_other_settings_enable_a_channel_and_end_its_proof() -> None:
    proved = a_channel().prove(NOW, 4.2).disable("The receiver answered 410.", NOW)

    changed = proved.change_settings(ChannelKind.WEBHOOK, b"other", "hooks.example.com")

    assert (proved.proved_at, proved.proved_seconds) == (NOW, 4.2)
    assert changed == Channel(1, "team-slack", ChannelKind.WEBHOOK, b"other", "hooks.example.com", NOW, "ada")
