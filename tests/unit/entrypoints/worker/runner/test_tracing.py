"""Which dispatches and attempts go on in a trace, and which begin one of their own; and when the worker says that the web is away."""

import logging
from dataclasses import replace

import pytest

from application.ports.dispatch.worker_messages import AttemptStart, Claim
from entrypoints.worker.client.connectivity import ConnectivityMonitor
from entrypoints.worker.runner.tracing import DispatchTrace, record_result
from entrypoints.worker_protocol.messages import StageReport
from tests.fakes.telemetry.telemetry import FakeTelemetry

TRIGGER = {"traceparent": f"00-{9:032x}-{5:016x}-01"}
CLAIM = Claim(4, 2, 1, "flights", "headgate", ["load"], {}, [], False, "key", TRIGGER)
START = AttemptStart("load", 1, "token", "command", 60.0, {})


def test_the_first_dispatch_and_its_first_attempts_belong_to_the_trigger_s_trace() -> None:
    telemetry = FakeTelemetry()
    trace = DispatchTrace(telemetry, CLAIM)

    with trace.dispatch_span(), trace.attempt_span(START) as attempt:
        told = trace.get_process_context(attempt)

    dispatch, stage = telemetry.spans
    assert (dispatch.trace, dispatch.parent, dispatch.links) == (9, TRIGGER, [])
    assert (stage.trace, stage.parent) == (9, dispatch.context)
    assert told == stage.context
    assert stage.tags == {"pipeline": "flights", "run": 4, "stage": "load", "attempt": 1, "kind": "command"}


def test_a_later_dispatch_and_a_retry_begin_traces_that_link_to_what_led_there() -> None:
    telemetry = FakeTelemetry()
    trace = DispatchTrace(telemetry, replace(CLAIM, epoch=2))

    with trace.dispatch_span(), trace.attempt_span(replace(START, attempt=2)):
        pass

    dispatch, stage = telemetry.spans
    assert (dispatch.parent, dispatch.links) == ({}, [TRIGGER])
    assert (stage.parent, stage.links) == ({}, [dispatch.context])
    assert len({9, dispatch.trace, stage.trace}) == 3


def test_an_attempt_hours_into_a_dispatch_begins_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    telemetry = FakeTelemetry()
    trace = DispatchTrace(telemetry, CLAIM)
    with trace.dispatch_span():
        trace._began -= 2 * 3_600

        with trace.attempt_span(START):
            pass

    assert telemetry.spans[1].links == [telemetry.spans[0].context]


def test_a_failed_attempt_says_why_and_shows_its_last_lines() -> None:
    telemetry = FakeTelemetry()

    with telemetry.span("headgate.stage", "load") as span:
        record_result(span, StageReport("e", "load", 1, "failed", "timeout", error_message="Too long."), ["reading", "still reading"])

    assert telemetry.spans[0].error == ("timeout", "Too long.", "reading\nstill reading")
    assert telemetry.spans[0].tags == {"status": "failed", "reason": "timeout"}


def test_a_web_that_is_away_is_told_of_once_and_again_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    # Its own ear: what other tests of the process did to logging is none of this one's business.
    logger = logging.getLogger("headgate.worker")
    monkeypatch.setattr(logger, "_log", lambda _level, text, args, **_: said.append(text % args))
    monkeypatch.setattr(logger, "isEnabledFor", lambda _level: True)
    times = iter((0.0, 2.0, 4.9, 5.5, 6.0, 60.0, 61.0))
    connectivity = ConnectivityMonitor("http://gate", lambda: next(times))
    for _ in range(3):
        connectivity.record_failure(ConnectionError("refused"))
    quiet = list(said)
    for _ in range(3):
        connectivity.record_failure(ConnectionError("refused"))
    connectivity.record_success()
    connectivity.record_success()

    assert quiet == []
    away = "Headgate is not reached at http://gate for 6 s: ConnectionError: refused"
    assert said == [away, "Headgate is reached again, after 61 s"]
