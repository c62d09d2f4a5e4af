"""The worker's half of the protocol and the web's half understand each other."""

import json

from application.commands.dispatches.advance_dispatch import AdvanceResult
from application.commands.reports.report_results import ReportResult
from application.commands.workers.record_heartbeat import HeartbeatResult
from application.ports.dispatch.worker_messages import AttemptStart, Claim, StopRun, WakeRun
from application.ports.persistence.logs import AppendedLines
from domain.reports.report import Report, ReportOutcome
from domain.runs.attempt_log import TailStart
from domain.runs.status import Reason, Status
from entrypoints.api.workers import requests, responses
from entrypoints.worker_protocol.messages import (
    AdvanceRequest,
    AdvanceResponse,
    HeartbeatResponse,
    LogTailStart,
    StageReport,
    parse_claim,
    parse_message,
)

START = AttemptStart("load", 2, "t0k", "command", 60.0, {"command": ["true"]}, {"ticket": "OPS-7"}, holds_slot=True)
CLAIM = Claim(
    4, 2, 1, "flights", "headgate", ["load"], {"month": 7}, [START], True, "key", {"traceparent": "00-a-b-01"}, "2026-03-02T10:00:00Z"
)


def test_the_worker_reads_the_claim_that_the_web_writes() -> None:
    written = responses.ClaimResponse.from_view(CLAIM).model_dump_json()

    assert parse_claim(json.loads(written)) == CLAIM


def test_the_worker_reads_the_claim_of_a_web_that_knows_no_schedules() -> None:
    written = json.loads(responses.encode_message(CLAIM))
    del written["scheduled_for"]

    assert parse_claim(written).scheduled_for is None


def test_the_worker_reads_the_claim_of_a_web_that_knows_no_limits() -> None:
    written = json.loads(responses.encode_message(CLAIM))
    del written["starts"][0]["holds_slot"]

    assert [start.holds_slot for start in parse_claim(written).starts] == [False]


def test_the_worker_reads_every_message_of_the_stream() -> None:
    messages = [CLAIM, StopRun(4), WakeRun(4)]

    assert [parse_message(responses.encode_message(message).decode()) for message in messages] == messages


def test_the_worker_ignores_messages_of_types_it_does_not_know() -> None:
    assert parse_message('{"type":"ping"}') is None
    assert parse_message('{"type":"later"}') is None


def test_the_worker_reads_the_answer_to_a_heartbeat() -> None:
    result = HeartbeatResult(renewed=[(1, 1)], refused=[(2, 3)], stop=[4], wake=[5], claims=[CLAIM])

    written = responses.HeartbeatResponse.from_view(result).model_dump_json()

    assert HeartbeatResponse.parse(json.loads(written)) == HeartbeatResponse([(1, 1)], [(2, 3)], [4], [5], [CLAIM])


def test_the_web_reads_the_step_that_the_worker_writes() -> None:
    report = StageReport("4:load:2:1:1", "load", 2, "failed", "timeout", 3, "Too long.", "half done", {"rows": 3})
    step = AdvanceRequest(2, 3, 4, [("load", 2)], [report], hand_back=True)

    command = requests.AdvanceRequest.model_validate(json.loads(step.encode("worker-1"))).to_command(4, 1)

    (read,) = command.reports
    assert (command.worker, command.run_id, command.epoch, command.capacity) == ("worker-1", 4, 1, 2)
    assert (command.holding, command.hand_back, read.event_id) == (frozenset({("load", 2)}), True, "4:load:2:1:1")
    assert read.report == Report(
        Status.FAILED, "load", 2, 3, error_message="Too long.", message="half done", output={"rows": 3}, reason=Reason.TIMEOUT
    )


def test_the_worker_reads_the_answer_to_a_step() -> None:
    result = AdvanceResult([], [START], more=True, stop=False, ended=False, kill=[("load", 1)], cancel=[("save", 1)])

    written = responses.AdvanceResponse.from_view(result).model_dump_json()

    assert AdvanceResponse.parse(json.loads(written)) == AdvanceResponse(
        [START], more=True, stop=False, ended=False, kill=[("load", 1)], cancel=[("save", 1)]
    )


def test_the_worker_reads_that_a_dispatch_is_not_its_own() -> None:
    answer = ReportResult(ReportOutcome.REFUSED, "Another worker holds the dispatch.", problem="not_yours")
    result = AdvanceResult([answer], [], more=False, stop=False, ended=True)

    written = responses.AdvanceResponse.from_view(result).model_dump_json()

    assert AdvanceResponse.parse(json.loads(written)).refused


def test_the_worker_reads_where_the_tail_of_a_log_starts() -> None:
    answers = [AppendedLines(3), AppendedLines(1, TailStart(7, 100))]

    written = [responses.StoredLinesResponse.from_view(answer).model_dump_json(exclude_none=True) for answer in answers]

    assert [LogTailStart.parse(json.loads(answer)) for answer in written] == [None, LogTailStart(7, 100)]
