"""Stages that wait for a person's approval or a machine's report."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from application.queries.explain.durations import format_elapsed
from application.queries.views.history import PastDecision
from application.queries.views.runs import RunView, StageRunView
from domain.name_lists import format_names
from domain.runs.status import Reason, Status
from entrypoints.web.view_models.formatting import StatusLabel, Timestamp, format_parameters, format_timestamp, get_status_label

URGENT_PERCENT = 80
"""A wait is urgent after this share of its time."""
MAX_LINE_LENGTH = 160
MAX_PARAMETERS_LENGTH = 400


@dataclass(frozen=True, slots=True)
class WaitingItem:
    """A waiting stage. `elapsed_percent` is the share of its time that has passed."""

    run_id: int
    stage: str
    run: str
    reason: Reason
    since: Timestamp | None
    time_left: str
    elapsed_percent: float
    is_urgent: bool
    sentence: str
    deadline: datetime | None

    @property
    def key(self) -> str:
        """A key that is unique on the page."""
        return f"{self.run_id}-{self.stage}"

    @property
    def is_approval(self) -> bool:
        """True if a person approves or rejects it here."""
        return self.reason is Reason.APPROVAL

    @property
    def href(self) -> str:
        """The approval form, or the run of another stage."""
        if self.is_approval:
            return f"/ui/waiting?{urlencode({'run': self.run_id, 'stage': self.stage})}"
        return f"/ui/runs/{self.run_id}?stage={quote(self.stage, safe='')}"


@dataclass(frozen=True, slots=True)
class WaitingGroup:
    """The stages that wait for a person, or for a machine."""

    key: str
    title: str
    note: str
    items: Sequence[WaitingItem]


@dataclass(frozen=True, slots=True)
class ApprovalQuestion:
    """A stage that waits for approval, and what happens on each decision. `times_out` is when it fails without one."""

    run_id: int
    stage: str
    pipeline: str
    number: str
    since: Timestamp | None
    question: str
    approvers: str
    parameters: str
    if_approved: str
    if_rejected: str
    times_out: Timestamp | None


@dataclass(frozen=True, slots=True)
class PastDecisionItem:
    """The decision about the same stage in an earlier run."""

    status: StatusLabel
    run_id: int
    number: str
    text: str
    comment: str
    at: Timestamp | None


def get_waiting_stages(run: RunView) -> list[StageRunView]:
    """Return the run's stages that wait for a person or a machine now."""
    reasons = (Reason.APPROVAL, Reason.EXTERNAL, Reason.PAUSED)
    return [
        stage
        for stage in run.stages
        if stage.status is Status.WAITING and stage.newest.reason in reasons and stage.newest.deadline_at is not None
    ]


def group_waiting_items(runs: Sequence[RunView], now: datetime) -> list[WaitingGroup]:
    """Return the waiting stages, first for people, then for machines, with the nearest deadline first. Empty groups are left out."""
    items = [_build_item(run, stage, now) for run in runs for stage in get_waiting_stages(run)]
    items.sort(key=lambda item: (item.deadline or now, item.key))
    groups = [
        WaitingGroup("people", "Approvals", "open one to decide", [item for item in items if item.is_approval]),
        WaitingGroup("prefect", "Paused in Prefect", "resume in Prefect", [item for item in items if item.reason is Reason.PAUSED]),
        WaitingGroup("machines", "External stages", "completed by a report", [item for item in items if item.reason is Reason.EXTERNAL]),
    ]
    return [group for group in groups if group.items]


def get_waiting_since(stage: StageRunView) -> datetime:
    """Return when the stage began to wait. Its deadline counts from then."""
    newest = stage.newest
    return newest.deadline_at - timedelta(seconds=stage.timeout) if newest.deadline_at and stage.timeout else newest.created_at


def build_approval_question(run: RunView, stage: StageRunView) -> ApprovalQuestion:
    """Return what an approver needs to know."""
    following = [each.name for each in run.stages if stage.name in each.needs]
    if_approved = f"{format_names(following)} {'runs' if len(following) == 1 else 'run'}" if following else "the run continues to its end"
    if_rejected = (
        "the run continues: this stage is allowed to fail"
        if stage.allow_failure
        else "the run fails, and the stages that need this one are skipped"
    )
    return ApprovalQuestion(
        run_id=run.id,
        stage=stage.name,
        pipeline=run.pipeline,
        number=str(run.number),
        since=format_timestamp(get_waiting_since(stage)),
        question=(stage.message or f"Approve {stage.name}?").strip(),
        approvers=format_names(stage.approvers, last="or"),
        parameters=format_parameters(run.parameters)[:MAX_PARAMETERS_LENGTH],
        if_approved=if_approved,
        if_rejected=if_rejected,
        times_out=format_timestamp(stage.newest.deadline_at),
    )


def build_past_decision(decision: PastDecision) -> PastDecisionItem:
    """Return an earlier decision."""
    text = ("approved" if decision.approved else "rejected") + (f" by {decision.by}" if decision.by else "")
    status = get_status_label(Status.COMPLETED if decision.approved else Status.FAILED)
    comment = (decision.comment or "").strip().split("\n")[0][:MAX_LINE_LENGTH]
    at = format_timestamp(decision.at)
    return PastDecisionItem(status, decision.run_id, str(decision.number), text, f"“{comment}”" if comment else "", at)


def build_report_command(run: RunView, stage: StageRunView, origin: str) -> str:
    """Return a command that reports an external stage as completed."""
    stage_name = json.dumps(stage.name)
    return (
        f'curl -fsS {origin}/status-update/ \\\n  --json \'{{"run_id": {run.id},\n    "stage_name": {stage_name},\n'
        f'    "status": "completed"}}\''
    )


def _build_item(run: RunView, stage: StageRunView, now: datetime) -> WaitingItem:
    deadline, since = stage.newest.deadline_at, get_waiting_since(stage)
    allowed = (deadline - since).total_seconds() if deadline else 0.0
    elapsed = min(100.0, max(0.0, 100 * (now - since).total_seconds() / allowed)) if allowed > 0 else 0.0
    is_over = deadline is not None and deadline <= now
    return WaitingItem(
        run_id=run.id,
        stage=stage.name,
        run=run.name,
        reason=stage.newest.reason or Reason.EXTERNAL,
        since=format_timestamp(since),
        time_left="timed out" if is_over else f"{format_elapsed(deadline, now)} left" if deadline else "",
        elapsed_percent=round(elapsed, 1),
        is_urgent=elapsed >= URGENT_PERCENT,
        sentence=_build_sentence(run, stage),
        deadline=deadline,
    )


def _build_sentence(run: RunView, stage: StageRunView) -> str:
    """Return an approval's question and approvers, how a paused flow run goes on, or an external stage's last report."""
    if stage.newest.reason is Reason.PAUSED:
        return f"The flow run of {stage.deployment} is paused. Resume it in Prefect."
    if stage.newest.reason is Reason.APPROVAL:
        question = (stage.message or "Approve or reject?").strip().split("\n")[0]
        return f"{question} Approvers: {format_names(stage.approvers, last='or')}." if stage.approvers else question
    if stage.newest.message:
        message = stage.newest.message.strip()
        return f"Last report: “{message.splitlines()[0][:MAX_LINE_LENGTH]}”." if message else "One report, without a message."
    completed = sum(each.status is Status.COMPLETED for each in run.stages)
    return f"No report yet; {completed:,} of {len(run.stages):,} stages of the run have completed."
