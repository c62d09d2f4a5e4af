"""The messages between a worker and Headgate, and their JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from application.ports.dispatch.worker_messages import AttemptStart, Claim, StopRun, WakeRun, WorkerMessage

PROTOCOL_VERSION: Final = 3
"""To be raised with every change that the other side of the release before does not understand. Version 1 called dispatches bursts."""

PROTOCOL_HEADER: Final = "Headgate-Worker-Protocol"
"""The header of each request with the version that the worker speaks. Workers that send none speak version 1."""

BODY_LIMIT: Final = 900 * 1024
"""The most bytes of one request body. Headgate refuses more than 1 MiB."""

DispatchKey = tuple[int, int]
"""Identifies a dispatch: (run id, epoch)."""

AttemptKey = tuple[str, int]
"""Identifies an attempt within a run: (stage, attempt number)."""


@dataclass(frozen=True, slots=True)
class StageReport:
    """The result of an attempt. `event_id` stays the same when the report is sent again."""

    event_id: str
    stage: str
    attempt: int
    status: Literal["completed", "failed", "cancelled", "lost"]
    reason: Literal["error", "timeout", "fenced"] | None = None
    records_processed: int | None = None
    error_message: str | None = None
    message: str | None = None
    output: Any = None

    def to_json(self) -> dict[str, Any]:
        named = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class AdvanceRequest:
    """One step of a dispatch: reports, and the number of slots for new attempts. `hand_back` asks Headgate to end the dispatch."""

    capacity: int
    free: int
    received: int | None
    holding: Sequence[AttemptKey] = ()
    reports: Sequence[StageReport] = ()
    hand_back: bool = False

    def encode(self, worker_id: str) -> bytes:
        return encode_json(
            {
                "worker_id": worker_id,
                "capacity": self.capacity,
                "free": self.free,
                "received": self.received,
                "holding": self.holding,
                "hand_back": self.hand_back,
                "reports": [report.to_json() for report in self.reports],
            }
        )


@dataclass(frozen=True, slots=True)
class AdvanceResponse:
    """The answer to a step. `refused`: the dispatch is not this worker's any more; `kill`: held attempts that are over in
    Headgate already; `cancel`: held attempts that a person has cancelled."""

    starts: Sequence[AttemptStart] = ()
    more: bool = False
    stop: bool = False
    ended: bool = True
    refused: bool = False
    kill: Sequence[AttemptKey] = ()
    cancel: Sequence[AttemptKey] = ()

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> AdvanceResponse:
        refused = any(answer.get("problem") == "not_yours" for answer in body["answers"])
        kill, cancel = ([(stage, attempt) for stage, attempt in body.get(name, ())] for name in ("kill", "cancel"))
        return cls([_parse_start(start) for start in body["starts"]], body["more"], body["stop"], body["ended"], refused, kill, cancel)


@dataclass(frozen=True, slots=True)
class HeartbeatResponse:
    """The answer to a heartbeat: leases renewed and refused, runs to stop or to ask about, and new claims."""

    renewed: Sequence[DispatchKey] = ()
    refused: Sequence[DispatchKey] = ()
    stop: Sequence[int] = ()
    wake: Sequence[int] = ()
    claims: Sequence[Claim] = field(default_factory=tuple)

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> HeartbeatResponse:
        renewed, refused = ([(run_id, epoch) for run_id, epoch in body[name]] for name in ("renewed", "refused"))
        return cls(renewed, refused, body["stop"], body["wake"], [parse_claim(claim) for claim in body["claims"]])


@dataclass(frozen=True, slots=True)
class LogTailStart:
    """From which line on the worker keeps an attempt's newest lines until it ends, and how many bytes of them."""

    index: int
    max_bytes: int

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> LogTailStart | None:
        """Return None if Headgate still stores each line."""
        return None if body.get("tail_from") is None else cls(body["tail_from"], body["tail_bytes"])


def parse_message(line: str) -> WorkerMessage | None:
    """Parse one line of the stream; None for a ping and for types that this version does not know."""
    body = json.loads(line)
    match body.get("type"):
        case "claim":
            return parse_claim(body)
        case "stop":
            return StopRun(body["run_id"])
        case "wake":
            return WakeRun(body["run_id"])
    return None


def parse_claim(body: Mapping[str, Any]) -> Claim:
    return Claim(
        run_id=body["run_id"],
        number=body["number"],
        epoch=body["epoch"],
        pipeline=body["pipeline"],
        pool=body["pool"],
        stages=body["stages"],
        parameters=body["parameters"],
        starts=[_parse_start(start) for start in body["starts"]],
        more=body["more"],
        key=body["key"],
        trace=body["trace"],
        scheduled_for=body.get("scheduled_for"),
    )


def encode_json(body: Mapping[str, Any]) -> bytes:
    """Return compact JSON. Raises ValueError for values that JSON lacks, such as NaN."""
    return json.dumps(body, separators=(",", ":"), allow_nan=False).encode()


def _parse_start(body: Mapping[str, Any]) -> AttemptStart:
    given, holds_slot = body.get("given") or {}, body.get("holds_slot", False)
    return AttemptStart(body["stage"], body["attempt"], body["token"], body["kind"], body["timeout"], body["spec"], given, holds_slot)
