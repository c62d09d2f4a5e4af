"""Incidents under kills of webs, workers and PostgreSQL: none is lost, and no recovery is wrong. `make chaos` runs 500."""

from __future__ import annotations

import random

from tests.chaos.alerts.alert_storm import run_storm

CUSTOMERS, KILLS = 24, 5


def test_kills_lose_no_incident_and_repeat_messages_with_the_same_id() -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")

    result = run_storm(CUSTOMERS, KILLS, (0.2, 1.2), seed)

    assert result.problems == [], result.counts
    assert result.incidents >= CUSTOMERS and result.kills == KILLS, result.counts
    assert result.recoveries, result.counts
