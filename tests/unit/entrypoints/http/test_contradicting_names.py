"""Requests that name two things which do not belong together are refused on every route, and the answer names both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from application.ports.access.execution_tokens import AttemptClaims
from domain.access.permissions import Scope
from tests.support.in_process import InProcessHeadgate

HEARTBEAT = {"worker_id": "w", "name": "w", "pool": "headgate", "slots": 1, "free": 0, "received": 0, "takes_work": False}
LINES = [[0, "2026-11-23T09:00:00Z", "stdout", "text"]]


@dataclass(frozen=True)
class Case:
    """A request, who sends it, its status, and what the answer names. Pipeline 1 `flights` has run 1, pipeline 2 `orders` has run 2."""

    method: str
    path: str
    status: int
    named: Sequence[str]
    body: Any = None
    form: Mapping[str, str] | None = None
    sender: str = ""

    def __str__(self) -> str:
        return f"{self.sender or 'anyone'}: {self.method} {self.path} {self.body or ''}"


def a_report(status: int, *named: str, sender: str = "", **body: Any) -> Case:
    return Case("POST", "/status-update/", status, named, {"status": "running", **body}, sender=sender)


STAGE_ACTIONS = ("retry", "skip", "cancel", "approve", "reject")
CASES = [
    # a run and a pipeline
    a_report(409, "orders#1", "orders", "flights", pipeline_id="flights", run_id=2),
    a_report(409, "orders#1", "orders", "flights", pipeline_id=1, run_id=2, stage_name="collect"),
    Case("GET", "/runs/1/compare/2", 409, ("flights#1", "flights", "orders#1", "orders")),
    Case("GET", "/ui/runs/1/compare/2", 409, ("flights#1", "flights", "orders#1", "orders")),
    Case("GET", "/ui/runs/1/compare?with=2", 409, ("orders#1", "orders", "flights#1", "flights")),
    # a run and a stage
    a_report(409, "flights#1", "collect", run_id=1, stage_name="collect"),
    a_report(409, "flights#1", "collect", pipeline_id="flights", run_id=1, stage_name="collect"),
    *(Case("POST", f"/runs/1/stages/collect/{action}", 404, ("stage collect", "flights#1")) for action in STAGE_ACTIONS),
    Case("POST", "/runs/1/retry", 404, ("stage collect", "flights#1"), {"stages": ["collect"]}),
    Case("GET", "/runs/1/logs?stage=collect", 404, ("stage collect", "flights#1")),
    Case("GET", "/ui/runs/1?stage=collect", 404, ("stage collect", "flights#1")),
    Case("GET", "/ui/runs/1/lines?stage=collect", 404, ("stage collect", "flights#1")),
    Case("GET", "/ui/runs/1/log.txt?stage=collect", 404, ("stage collect", "flights#1")),
    Case("GET", "/ui/live/runs/1?stage=collect", 404, ("stage collect", "flights#1")),
    Case("GET", "/ui/runs/1/stages/collect", 404, ("stage collect", "flights#1")),
    *(
        Case("POST", f"/ui/runs/1/stages/collect/{action}", 404, ("stage collect", "flights#1"), form={"message": "x"})
        for action in ("retry", "skip", "cancel", "decide")
    ),
    Case("GET", "/ui/waiting?run=1&stage=collect", 404, ("stage collect", "flights#1")),
    Case("POST", "/ui/waiting?run=1&stage=collect", 404, ("stage collect", "flights#1"), form={"decision": "approve"}),
    # a stage and an attempt
    a_report(409, "certify", "attempt 7", run_id=1, stage_name="certify", attempt=7),
    Case("GET", "/runs/1/logs?stage=certify&attempt=7", 404, ("attempt 7", "stage certify", "flights#1")),
    Case("GET", "/runs/1/logs?attempt=7", 404, ("attempt 7", "flights#1")),
    Case("GET", "/ui/runs/1?stage=certify&attempt=7", 404, ("attempt 7", "stage certify", "flights#1")),
    Case("GET", "/ui/runs/1/lines?stage=certify&attempt=7", 404, ("attempt 7", "stage certify", "flights#1")),
    Case("GET", "/ui/runs/1/log.txt?stage=certify&attempt=7", 404, ("attempt 7", "stage certify", "flights#1")),
    Case("GET", "/ui/live/runs/1?stage=certify&attempt=7", 404, ("attempt 7", "stage certify", "flights#1")),
    Case("GET", "/ui/runs/1/stages/certify/images/3", 404, ("image 3", "stage certify", "flights#1")),
    # a pipeline and a stage, or a revision
    a_report(409, "flights", "collect", pipeline_id="flights", stage_name="collect"),
    Case("GET", "/ui/pipelines/flights/revisions/7", 404, ("revision 7", "flights")),
    Case("GET", "/ui/pipelines/flights/revisions/1?against=7", 404, ("revision 7", "flights")),
    # a pipeline and a schedule
    *(
        Case("POST", f"{root}/flights/schedules/nightly/{action}", 404, ("schedule nightly", "flights"), **body)
        for root, body in (("/pipelines", {}), ("/ui/pipelines", {"form": {"hours": "1", "catch_up": "none"}}))
        for action in ("pause", "resume", "run-now")
    ),
    Case("GET", "/ui/pipelines/flights/schedules/nightly/pause", 404, ("schedule nightly", "flights")),
    Case("GET", "/ui/pipelines/flights/schedules/nightly/resume", 404, ("schedule nightly", "flights")),
    # a worker's dispatch, stage and attempt
    Case("POST", "/worker/dispatches/1/7/claim", 409, ("Dispatch 7", "run 1"), {"worker_id": "w", "capacity": 1}, sender="worker"),
    Case("POST", "/worker/dispatches/1/7/record", 409, ("run 1", "dispatch 7"), sender="worker"),
    Case("POST", "/worker/dispatches/1/7/recorded", 409, ("Run 1", "dispatch 7"), {"worker_id": "w", "flow_run_id": "f"}, sender="worker"),
    *(
        Case(
            "POST",
            "/worker/logs",
            409,
            ("Run 1", f"attempt {attempt}", stage),
            {"run_id": 1, "stage": stage, "attempt": attempt, "lines": LINES},
            sender="worker",
        )
        for stage, attempt in (("collect", 1), ("certify", 7))
    ),
    # a token of one pipeline, and another pipeline or its run
    *(
        Case(method, path, 403, ("pipeline 1", named), sender="token of flights")
        for method, path, named in (
            ("GET", "/pipelines/orders", "pipeline orders"),
            ("GET", "/pipelines/2/runs", "pipeline 2"),
            ("POST", "/trigger/orders", "pipeline orders"),
            ("GET", "/runs/2", "run 2"),
            ("GET", "/runs/2/logs", "run 2"),
            ("POST", "/runs/2/cancel", "run 2"),
            ("POST", "/runs/2/stages/collect/skip", "run 2"),
            ("GET", "/ui/pipelines/orders", "pipeline orders"),
            ("GET", "/ui/runs/2", "run 2"),
            ("GET", "/ui/live/runs/2", "run 2"),
            ("GET", "/runs/", "all pipelines"),
            ("GET", "/events/", "all pipelines"),
        )
    ),
    a_report(403, "pipeline 1", "orders", pipeline_id="orders", sender="token of flights"),
    a_report(403, "pipeline 1", "run 2", run_id=2, sender="token of flights"),
    a_report(403, "pipeline 1", "run 2", run_id=2, stage_name="collect", sender="token of flights"),
    # the token of an attempt, and another run, stage, attempt or pipeline
    a_report(403, "attempt 1 of stage certify of run 1", "run 2", run_id=2, sender="attempt of certify"),
    a_report(403, "attempt 1 of stage certify of run 1", "stage publish", stage_name="publish", sender="attempt of certify"),
    a_report(403, "attempt 1 of stage certify of run 1", "attempt 7", attempt=7, sender="attempt of certify"),
    a_report(409, "flights#1", "flights", "orders", pipeline_id="orders", sender="attempt of certify"),
]


@pytest.fixture
async def headgate(headgate: InProcessHeadgate) -> InProcessHeadgate:
    """Pipelines `flights`, with run 1, and `orders`, with run 2."""
    await headgate.api.create_pipeline("flights", {"name": "certify", "kind": "external"}, {"name": "publish", "kind": "external"})
    await headgate.api.create_pipeline("orders", {"name": "collect", "kind": "external"})
    assert [await headgate.api.trigger("flights"), await headgate.api.trigger("orders")] == [1, 2]
    return headgate


async def make_headers(headgate: InProcessHeadgate, sender: str) -> dict[str, str]:
    if sender == "worker":
        return headgate.api.worker_headers
    if sender == "token of flights":
        scopes = (Scope.READ, Scope.TRIGGER, Scope.REPORT)
        return await headgate.api.create_token(*scopes, pipeline="flights")
    if sender == "attempt of certify":
        return {"Authorization": f"Bearer {headgate.fakes.tokens.issue_attempt_token(AttemptClaims(1, 'certify', 1))}"}
    return {}


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_names_that_do_not_belong_together_are_refused_and_named(headgate: InProcessHeadgate, case: Case) -> None:
    headers = await make_headers(headgate, case.sender)

    answer = await headgate.client.request(case.method, case.path, json=case.body, data=case.form, headers=headers, follow_redirects=True)

    assert answer.status_code == case.status, answer.text
    detail = answer.json()["detail"]
    assert [name for name in case.named if name not in detail] == [], detail


async def test_a_refused_request_moves_no_stage(headgate: InProcessHeadgate) -> None:
    before = [(await headgate.client.get(f"/runs/{run}/stages")).json() for run in (1, 2)]

    for case in CASES:
        if case.method != "GET":
            await headgate.client.request(
                case.method, case.path, json=case.body, data=case.form, headers=await make_headers(headgate, case.sender)
            )

    assert [(await headgate.client.get(f"/runs/{run}/stages")).json() for run in (1, 2)] == before


async def test_a_heartbeat_refuses_the_dispatches_that_the_worker_does_not_hold(headgate: InProcessHeadgate) -> None:
    held = [{"run_id": 1, "epoch": 7, "holding": [["collect", 1]]}, {"run_id": 9, "epoch": 1}]

    answer = await headgate.client.post("/worker/heartbeat", json={**HEARTBEAT, "dispatches": held}, headers=headgate.api.worker_headers)

    assert answer.json()["renewed"] == []
    assert answer.json()["refused"] == [[1, 7], [9, 1]]


async def test_names_that_belong_together_are_accepted(headgate: InProcessHeadgate) -> None:
    """Without it, the refusals above would prove little."""
    for path in ("/runs/1/logs?stage=certify&attempt=1", "/ui/runs/1?stage=certify&attempt=1", "/ui/waiting?run=1&stage=certify"):
        assert (await headgate.client.get(path)).status_code == 200, path

    reports = [
        await headgate.api.report(status="running", pipeline_id="flights", run_id=1, stage_name="certify", attempt=1),
        await headgate.api.report(status="completed", headers=await make_headers(headgate, "attempt of certify"), pipeline_id="flights"),
        await headgate.api.report(status="running", headers=await make_headers(headgate, "token of flights"), stage_name="publish"),
    ]

    assert [(each.status_code, each.json()["applied"]) for each in reports] == [(200, True)] * 3
