"""Simulations of alerts under kills, failing channels, silences and acknowledgements."""

import os
from collections import Counter

import pytest

from tests.simulation.alerts.alert_checks import count_kinds
from tests.simulation.alerts.alert_simulation import simulate_alerts

SEEDS = int(os.environ.get("HEADGATE_TEST_SEEDS", "2000")) // 50
PARTS = 2


@pytest.mark.parametrize("part", range(PARTS))
def test_no_incident_is_lost_and_no_recovery_is_wrong(part: int) -> None:
    kinds: Counter[str] = Counter()
    faults: Counter[str] = Counter()

    for seed in range(part, SEEDS, PARTS):
        simulation = simulate_alerts(seed)
        assert simulation.violations == [], f"seed {seed}"
        kinds.update(count_kinds(simulation.channels.arrivals))
        faults += simulation.faults

    assert set(kinds) >= {"opened", "recovered", "reminder", "escalated", "unstable"}
    assert set(faults) >= {"kill", "acknowledge", "silence"}


def test_a_seed_replays_exactly() -> None:
    for seed in range(3):
        first, second = (simulate_alerts(seed).channels.arrivals for _ in range(2))
        assert [(each.at, each.channel, each.message.subject) for each in first] == [
            (each.at, each.channel, each.message.subject) for each in second
        ]
