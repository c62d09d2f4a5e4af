"""What worker processes are told."""

from typing import Any

from application.commands.dispatches.advance_dispatch import AdvanceResult
from application.commands.workers.record_heartbeat import HeartbeatResult
from application.ports.dispatch.worker_messages import AttemptStart, Claim, StopRun, WorkerMessage
from entrypoints.http.json_response import encode_json
from entrypoints.http.problems import REPORT_OUTCOME_STATUSES


def claim_json(claim: Claim) -> dict[str, Any]:
    return {
        "run_id": claim.run_id,
        "number": claim.number,
        "epoch": claim.epoch,
        "pipeline": claim.pipeline,
        "pool": claim.pool,
        "stages": list(claim.stages),
        "parameters": claim.parameters,
        "starts": [start_json(start) for start in claim.starts],
        "more": claim.more,
        "key": claim.key,
        "trace": claim.trace,
    }


def start_json(start: AttemptStart) -> dict[str, Any]:
    return {
        "stage": start.stage,
        "attempt": start.attempt,
        "token": start.token,
        "kind": start.kind,
        "timeout": start.timeout,
        "spec": start.spec,
        "given": start.given,
    }


def encode_message(message: WorkerMessage) -> bytes:
    """One line of the stream."""
    if isinstance(message, Claim):
        return encode_json({"type": "claim", **claim_json(message)}) + b"\n"
    return encode_json({"type": "stop" if isinstance(message, StopRun) else "wake", "run_id": message.run_id}) + b"\n"


def beat_json(answer: HeartbeatResult) -> dict[str, Any]:
    return {
        "renewed": [list(pair) for pair in answer.renewed],
        "refused": [list(pair) for pair in answer.refused],
        "stop": list(answer.stop),
        "wake": list(answer.wake),
        "claims": [claim_json(claim) for claim in answer.claims],
    }


def advanced_json(step: AdvanceResult) -> dict[str, Any]:
    keys = ("applied", "why", "seq", "status", "problem")
    return {
        "answers": [
            {"http_status": REPORT_OUTCOME_STATUSES[answer.outcome]} | {key: getattr(answer, key) for key in keys}
            for answer in step.answers
        ],
        "starts": [start_json(start) for start in step.starts],
        "more": step.more,
        "stop": step.stop,
        "ended": step.ended,
        "kill": [list(pair) for pair in step.kill],
        "cancel": [list(pair) for pair in step.cancel],
    }
