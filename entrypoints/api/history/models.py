"""Waiting stages, failures, durations and comparisons of runs, as the API returns them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import Field

from application.queries.runs.comparison import Comparison, StagePair
from application.queries.views.history import FailureView
from application.queries.views.runs import RunView, StageRunView
from domain.runs.status import Reason, Status
from entrypoints.api.shared.models import ResponseModel, with_example
from entrypoints.http.base_path import link

_REASONS: Mapping[Reason | None, Literal["approval", "external", "paused"]] = {Reason.APPROVAL: "approval", Reason.PAUSED: "paused"}


class WaitingStageResponse(ResponseModel):
    """A stage that waits for an approval or for an external report, or whose flow run is paused in Prefect."""

    model_config = with_example(
        {
            "run_id": 7,
            "number": 3,
            "pipeline_id": 1,
            "pipeline": "flights",
            "stage": "publish",
            "reason": "approval",
            "message": "Are the figures right?",
            "approvers": ["mara"],
            "since": "2026-11-23T09:04:11Z",
            "deadline": "2026-11-30T09:04:11Z",
            "links": {"run": "/runs/7", "approve": "/runs/7/stages/publish/approve", "page": "/ui/runs/7"},
        }
    )

    run_id: int
    number: int
    pipeline_id: int
    pipeline: str
    stage: str
    reason: Literal["approval", "external", "paused"]
    message: str | None = Field(description="An approval's question.")
    approvers: list[str]
    since: datetime | None
    deadline: datetime | None = Field(description="When the stage times out.")
    links: dict[str, str]

    @classmethod
    def from_view(cls, run: RunView, stage: StageRunView) -> Self:  # type: ignore[override]
        """Build the response of a waiting stage."""
        attempt = stage.newest
        links = {"run": link(f"/runs/{run.id}"), "page": link(f"/ui/runs/{run.id}")}
        if attempt.reason is Reason.APPROVAL:
            links |= {action: link(f"/runs/{run.id}/stages/{stage.name}/{action}") for action in ("approve", "reject")}
        return cls(
            run_id=run.id,
            number=run.number,
            pipeline_id=run.pipeline_id,
            pipeline=run.pipeline,
            stage=stage.name,
            reason=_REASONS.get(attempt.reason, "external"),
            message=stage.message,
            approvers=list(stage.approvers),
            since=stage.waiting_since,
            deadline=attempt.deadline_at,
            links=links,
        )


class FailureResponse(ResponseModel):
    """Failures with the same fingerprint, as one."""

    model_config = with_example(
        {
            "fingerprint": "7c1e9a40d2",
            "stage": "load",
            "message": "duplicate key value violates unique constraint",
            "count": 3,
            "first_at": "2026-11-19T02:12:51Z",
            "last_at": "2026-11-23T02:12:51Z",
            "first_run": 212,
            "runs": [302, 300, 297],
        }
    )

    fingerprint: str
    stage: str
    message: str = Field(description="The newest failure's message.")
    count: int = Field(description="In how many of the last 100 runs it occurred.")
    first_at: datetime = Field(description="The first occurrence in all of the pipeline's runs.")
    last_at: datetime
    first_run: int | None = Field(description="The id of the run in which it first occurred.")
    runs: list[int] = Field(description="The ids of the newest runs in which it occurred.")

    @classmethod
    def from_view(cls, view: FailureView) -> Self:
        """Build the response of a group of failures."""
        return cls(
            fingerprint=view.fingerprint,
            stage=view.stage,
            message=view.message,
            count=view.count,
            first_at=view.first_at,
            last_at=view.last_at,
            first_run=view.first_run[0] if view.first_run else None,
            runs=[run_id for run_id, _ in view.runs],
        )


class StageTimesResponse(ResponseModel):
    """How long a stage's recent completed attempts took, in seconds."""

    model_config = with_example({"stage": "load", "median": 31.2, "slow": 44.8, "count": 20})

    stage: str
    median: float
    slow: float = Field(description="The 95th percentile.")
    count: int


class DifferenceResponse(ResponseModel):
    """A value that differs. `missing` is the side that has no such value."""

    path: str
    before: Any
    after: Any
    missing: Literal["before", "after"] | None


class StageComparisonResponse(ResponseModel):
    """A stage in both runs; null for a run without it."""

    stage: str
    status: list[Status | None] = Field(description="Before and after; the other lists too.")
    seconds: list[float | None]
    records: list[int | None]

    @classmethod
    def from_view(cls, view: StagePair) -> Self:
        """Build the comparison of a stage."""
        return cls(
            stage=view.name,
            status=[stage.status if stage else None for stage in (view.before, view.after)],
            seconds=list(view.seconds),
            records=list(view.records),
        )


class ErrorDifferenceResponse(ResponseModel):
    """The first stage whose error differs."""

    stage: str
    before: str | None
    after: str | None
    is_alike: bool = Field(description="True for another message of the same failure.")


class ComparisonResponse(ResponseModel):
    """The differences between two runs."""

    model_config = with_example(
        {
            "before": 6,
            "after": 7,
            "parameters": [{"path": "month", "before": 5, "after": 6, "missing": None}],
            "definition": [{"path": "stages.load.timeout", "before": 60.0, "after": 120.0, "missing": None}],
            "stages": [{"stage": "load", "status": ["completed", "failed"], "seconds": [31.2, 4.1], "records": [336776, None]}],
            "error": {"stage": "load", "before": None, "after": "no room", "is_alike": False},
        }
    )

    before: int
    after: int
    parameters: list[DifferenceResponse]
    definition: list[DifferenceResponse]
    stages: list[StageComparisonResponse]
    error: ErrorDifferenceResponse | None

    @classmethod
    def from_view(cls, view: Comparison) -> Self:
        """Build the comparison of two runs."""
        return cls(
            before=view.before.id,
            after=view.after.id,
            parameters=[DifferenceResponse.from_view(each) for each in view.parameters],
            definition=[DifferenceResponse.from_view(each) for each in view.definition],
            stages=[StageComparisonResponse.from_view(pair) for pair in view.stages],
            error=ErrorDifferenceResponse.from_view(view.error) if view.error else None,
        )
