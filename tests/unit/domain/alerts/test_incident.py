"""The moves of an incident."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from domain.alerts.incident import Incident, IncidentKind, IncidentState, Resolution
from domain.errors import Conflict

NOW = datetime(2026, 11, 29, 18, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
MOVES: dict[str, Callable[[Incident], Incident]] = {
    "acknowledge": lambda incident: incident.acknowledge("ada", LATER),
    "snooze": lambda incident: incident.snooze("ada", LATER, NOW),
    "resolve": lambda incident: incident.resolve(Resolution.RESOLVED, LATER, "ada"),
    "repeat": lambda incident: incident.repeat(9, LATER, "failed"),
    "mark_unstable": Incident.mark_unstable,
}


def an_incident() -> Incident:
    return Incident(7, IncidentKind.PIPELINE, NOW, "failed at load", pipeline_id=1, first_run_id=3, last_run_id=3)


@pytest.mark.parametrize("move", MOVES)
def test_a_resolved_incident_refuses_every_move(move: str) -> None:
    resolved = an_incident().resolve(Resolution.RECOVERED, NOW)

    with pytest.raises(Conflict, match="Incident 7 is resolved") as refused:
        MOVES[move](resolved)

    assert refused.value.kind == "incident_resolved"


def test_a_person_acknowledges_an_incident_once() -> None:
    acknowledged = an_incident().acknowledge("ada", NOW)

    assert (acknowledged.state, acknowledged.acknowledged_by, acknowledged.acknowledged_at) == (IncidentState.ACKNOWLEDGED, "ada", NOW)
    assert acknowledged.acknowledge("grace", LATER) is acknowledged


def test_acknowledging_a_snoozed_incident_ends_its_snooze() -> None:
    snoozed = an_incident().snooze("ada", LATER, NOW)
    acknowledged = snoozed.acknowledge("grace", NOW)

    assert (snoozed.state, snoozed.snoozed_until) == (IncidentState.SNOOZED, LATER)
    assert (acknowledged.state, acknowledged.snoozed_until, acknowledged.acknowledged_by) == (IncidentState.ACKNOWLEDGED, None, "grace")


def test_a_run_that_is_retried_and_fails_again_is_no_repeat() -> None:
    repeated = an_incident().repeat(4, NOW, "failed at load").repeat(4, LATER, "failed at save")

    assert (repeated.repeats, repeated.last_run_id, repeated.last_seen_at, repeated.summary) == (1, 4, LATER, "failed at save")


def test_each_missed_run_is_a_repeat() -> None:
    repeated = an_incident().repeat(None, NOW, "missed").repeat(None, LATER, "missed")

    assert (repeated.repeats, repeated.last_run_id) == (2, 3)
