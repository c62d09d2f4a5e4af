"""Some dispatches and attempts join the trace of the trigger; others start a trace of their own."""

from dataclasses import replace

from application.ports.dispatch.worker_messages import AttemptStart, Claim
from entrypoints.worker.runner.tracing import DispatchTrace, record_result
from entrypoints.worker_protocol.messages import StageReport
from tests.fakes.telemetry.telemetry import FakeTelemetry

TRIGGER = {"traceparent": f"00-{9:032x}-{5:016x}-01"}
CLAIM = Claim(4, 2, 1, "flights", "headgate", ["load"], {}, [], False, "key", TRIGGER)
START = AttemptStart("load", 1, "token", "command", 60.0, {})


def test_the_first_dispatch_and_its_first_attempts_join_the_trace_of_the_trigger() -> None:
    telemetry = FakeTelemetry()
    trace = DispatchTrace(telemetry, CLAIM)

    with trace.dispatch_span(), trace.attempt_span(START) as attempt:
        context = trace.get_process_context(attempt)

    dispatch, stage = telemetry.spans
    assert (dispatch.trace, dispatch.parent, dispatch.links) == (9, TRIGGER, [])
    assert (stage.trace, stage.parent) == (9, dispatch.context)
    assert context == stage.context
    assert stage.tags == {"pipeline": "flights", "run": 4, "stage": "load", "attempt": 1, "kind": "command"}


def test_a_later_dispatch_and_a_retry_start_traces_linked_to_their_cause() -> None:
    telemetry = FakeTelemetry()
    trace = DispatchTrace(telemetry, replace(CLAIM, epoch=2))

    with trace.dispatch_span(), trace.attempt_span(replace(START, attempt=2)):
        pass

    dispatch, stage = telemetry.spans
    assert (dispatch.parent, dispatch.links) == ({}, [TRIGGER])
    assert (stage.parent, stage.links) == ({}, [dispatch.context])
    assert len({9, dispatch.trace, stage.trace}) == 3


def test_an_attempt_hours_into_a_dispatch_starts_a_trace_of_its_own() -> None:
    telemetry = FakeTelemetry()
    times = iter((0.0, 2 * 3_600.0))
    trace = DispatchTrace(telemetry, CLAIM, lambda: next(times))

    with trace.dispatch_span(), trace.attempt_span(START):
        pass

    assert telemetry.spans[1].links == [telemetry.spans[0].context]


def test_a_failed_attempt_records_its_reason_and_last_lines() -> None:
    telemetry = FakeTelemetry()

    with telemetry.span("headgate.stage", "load") as span:
        record_result(span, StageReport("e", "load", 1, "failed", "timeout", error_message="Too long."), ["reading", "still reading"])

    assert telemetry.spans[0].error == ("timeout", "Too long.", "reading\nstill reading")
    assert telemetry.spans[0].tags == {"status": "failed", "reason": "timeout"}
