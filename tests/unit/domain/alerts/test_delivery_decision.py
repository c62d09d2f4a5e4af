"""What is done with a delivery that is due, in all combinations of what matters."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alerts.delivery import Delivery
from domain.alerts.delivery_decision import UNRESOLVED_KINDS, Action, Situation, decide_delivery
from domain.alerts.incident import Incident, IncidentKind, IncidentState, Resolution
from domain.alerts.message import MessageKind
from domain.alerts.rule import AlertEvent, QuietHours
from domain.alerts.silence import Silence

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
QUIET = QuietHours("Europe/Berlin", time(12), time(18), exempt=("pager",))
INCIDENT = Incident(7, IncidentKind.PIPELINE, NOW - timedelta(hours=1), "failed", pipeline_id=3, event=AlertEvent.FAILED)


def a_silence(until: datetime = NOW + timedelta(hours=9)) -> Silence:
    return Silence(1, 3, None, NOW - timedelta(hours=1), until, "work", "ada", NOW)


def in_state(state: IncidentState, snoozed_until: datetime | None = None) -> Incident:
    return replace(INCIDENT, state=state, snoozed_until=snoozed_until, acknowledged_by="ada", resolution=Resolution.RECOVERED)


incidents = st.builds(in_state, st.sampled_from(IncidentState), st.sampled_from([None, NOW, NOW + timedelta(hours=1)]))
deliveries = st.builds(
    lambda held, only_if: Delivery(1, "msg_1", 7, 2, NOW, held_by=held, only_if=only_if),
    st.sampled_from([None, "quiet", "silence"]),
    st.sampled_from([None, "open"]),
)


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    incident = draw(incidents)
    return Situation(
        draw(st.sampled_from(MessageKind)),
        draw(st.sampled_from(["team", "pager"])),
        NOW,
        incident,
        incident.is_resolved,
        3,
        (),
        draw(st.sampled_from([None, QUIET])),
        draw(st.sampled_from([(), (a_silence(),)])),
    )


@given(delivery=deliveries, situation=situations(), was_interrupted=st.booleans())
def test_every_decision_says_what_it_needs(delivery: Delivery, situation: Situation, was_interrupted: bool) -> None:
    decision = decide_delivery(delivery, situation, was_interrupted=was_interrupted)

    if decision.action in (Action.HOLD, Action.POSTPONE):
        assert decision.until is not None and decision.until > NOW
        assert (decision.held_by is not None) == (decision.action is Action.HOLD)
    if decision.action in (Action.DROP, Action.DIGEST):
        assert decision.reason.startswith("Not sent: ") and decision.reason.endswith(".")


@given(delivery=deliveries, situation=situations())
def test_nothing_says_that_a_resolved_incident_is_open(delivery: Delivery, situation: Situation) -> None:
    decision = decide_delivery(delivery, situation)

    if situation.is_resolved and situation.kind in UNRESOLVED_KINDS:
        assert decision.action in (Action.DROP, Action.DIGEST)
        assert decision.action is Action.DROP or delivery.held_by is not None
    else:
        assert decision.action is not Action.DIGEST


@given(delivery=deliveries, situation=situations())
def test_a_message_that_may_have_arrived_is_not_dropped_for_the_end_of_its_incident(delivery: Delivery, situation: Situation) -> None:
    decision = decide_delivery(delivery, situation, was_interrupted=True)

    assert decision.action is not Action.DIGEST
    assert decision.action is not Action.DROP or (situation.incident or INCIDENT).state is IncidentState.ACKNOWLEDGED


@given(delivery=deliveries, situation=situations())
def test_quiet_hours_and_silences_hold_everything_but_tests(delivery: Delivery, situation: Situation) -> None:
    decision = decide_delivery(delivery, situation)

    is_held_back = bool(situation.silences) or (situation.quiet is not None and situation.channel == "team")
    if situation.kind in (MessageKind.TEST, MessageKind.DRILL):
        assert decision.action is Action.SEND
    elif is_held_back:
        assert decision.action is not Action.SEND
    elif decision.action is Action.HOLD:
        pytest.fail("nothing holds the message back")


def test_the_end_of_a_silence_comes_before_quiet_hours() -> None:
    situation = Situation(MessageKind.OPENED, "team", NOW, INCIDENT, False, 3, (), QUIET, (a_silence(),))

    decision = decide_delivery(Delivery(1, "m", 7, 2, NOW), situation)

    assert (decision.held_by, decision.until) == ("silence", NOW + timedelta(hours=9))


def test_quiet_hours_end_by_the_clock_of_their_zone() -> None:
    situation = Situation(MessageKind.OPENED, "team", NOW, INCIDENT, False, 3, (), QUIET)

    assert decide_delivery(Delivery(1, "m", 7, 2, NOW), situation).until == datetime(2026, 3, 1, 17, 0, tzinfo=UTC)


def test_the_end_of_a_removed_rule_is_in_no_digest() -> None:
    removed = replace(INCIDENT, state=IncidentState.RESOLVED, resolution=Resolution.RULE_REMOVED)
    situation = Situation(MessageKind.OPENED, "team", NOW, removed, True, 3)

    assert decide_delivery(Delivery(1, "m", 7, 2, NOW, held_by="quiet"), situation).action is Action.DROP
