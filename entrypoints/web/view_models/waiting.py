"""What waits for somebody: for a person's decision, or for a machine's report."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from application.queries.explain.durations import format_elapsed
from application.queries.views.history import PastDecision
from application.queries.views.runs import RunView, StageRunView
from domain.runs.status import Reason, Status
from entrypoints.web.view_models.formatting import StatusLabel, Timestamp, format_timestamp, get_status_label

URGENT_PERCENT = 80
"""Percent of its time after which a wait is called urgent."""


@dataclass(frozen=True, slots=True)
class WaitingItem:
    run_id: int
    stage: str
    run: str
    for_person: bool
    since: Timestamp | None
    left: str
    spent: float
    """Percent of the time allowed."""
    is_urgent: bool
    sentence: str
    deadline: datetime | None

    @property
    def key(self) -> str:
        return f"{self.run_id}-{self.stage}"

    @property
    def href(self) -> str:
        if self.for_person:
            return f"/ui/waiting?{urlencode({'run': self.run_id, 'stage': self.stage})}"
        return f"/ui/runs/{self.run_id}?stage={quote(self.stage, safe='')}"


@dataclass(frozen=True, slots=True)
class WaitingGroup:
    key: str
    title: str
    note: str
    waits: Sequence[WaitingItem]


def get_waiting_stages(run: RunView) -> list[StageRunView]:
    """Stages of the run whose turn it is and that no worker will end."""
    reasons = (Reason.APPROVAL, Reason.EXTERNAL)
    return [
        stage
        for stage in run.stages
        if stage.status is Status.WAITING and stage.newest.reason in reasons and stage.newest.deadline_at is not None
    ]


def group_waits(runs: Sequence[RunView], now: datetime) -> list[WaitingGroup]:
    """Soonest deadline first: for people, then for machines; a group without anything is left out."""
    waits = [_wait(run, stage, now) for run in runs for stage in get_waiting_stages(run)]
    waits.sort(key=lambda wait: (wait.deadline or now, wait.key))
    people = [wait for wait in waits if wait.for_person]
    machines = [wait for wait in waits if not wait.for_person]
    found = [
        WaitingGroup("people", "For a person", "open one to decide it", people),
        WaitingGroup("machines", "For a machine", "reported with one request", machines),
    ]
    return [group for group in found if group.waits]


def get_waiting_since(stage: StageRunView) -> datetime:
    """Since when it waits: its deadline counts from there."""
    newest = stage.newest
    return newest.deadline_at - timedelta(seconds=stage.timeout) if newest.deadline_at and stage.timeout else newest.created_at


def _wait(run: RunView, stage: StageRunView, now: datetime) -> WaitingItem:
    deadline, since = stage.newest.deadline_at, get_waiting_since(stage)
    allowed = (deadline - since).total_seconds() if deadline else 0.0
    spent = min(100.0, max(0.0, 100 * (now - since).total_seconds() / allowed)) if allowed > 0 else 0.0
    is_over = deadline is not None and deadline <= now
    return WaitingItem(
        run_id=run.id,
        stage=stage.name,
        run=f"{run.pipeline} #{run.number:,}",
        for_person=stage.newest.reason is Reason.APPROVAL,
        since=format_timestamp(since),
        left="time is over" if is_over else f"{format_elapsed(deadline, now)} left" if deadline else "",
        spent=round(spent, 1),
        is_urgent=spent >= URGENT_PERCENT,
        sentence=_sentence(run, stage),
        deadline=deadline,
    )


def _sentence(run: RunView, stage: StageRunView) -> str:
    if stage.newest.reason is Reason.APPROVAL:
        question = (stage.message or "Approve it, or reject it?").strip().split("\n")[0]
        return f"{question} Asked of {' or '.join(stage.approvers)}." if stage.approvers else question
    if stage.newest.message:
        return f"Last heard: “{stage.newest.message.strip().splitlines()[0][:160]}”." if stage.newest.message.strip() else "Heard of once."
    done = sum(each.status is Status.COMPLETED for each in run.stages)
    return f"Nothing heard of it yet; {done:,} of {len(run.stages):,} stages of the run have completed."


@dataclass(frozen=True, slots=True)
class ApprovalQuestion:
    """An approval that waits, as its page asks it."""

    run_id: int
    stage: str
    pipeline: str
    number: str
    since: Timestamp | None
    question: str
    of: str
    parameters: str
    if_approved: str
    if_rejected: str
    if_silent: Timestamp | None


@dataclass(frozen=True, slots=True)
class PastDecisionItem:
    """How somebody answered the same question of an earlier run."""

    status: StatusLabel
    run_id: int
    number: str
    words: str
    comment: str
    at: Timestamp | None


def build_past_decision(decision: PastDecision) -> PastDecisionItem:
    words = ("approved" if decision.approved else "rejected") + (f" by {decision.by}" if decision.by else "")
    status = get_status_label(Status.COMPLETED if decision.approved else Status.FAILED)
    comment = (decision.comment or "").strip().split("\n")[0][:160]
    return PastDecisionItem(
        status, decision.run_id, f"{decision.number:,}", words, f"“{comment}”" if comment else "", format_timestamp(decision.at)
    )


def build_approval_question(run: RunView, stage: StageRunView) -> ApprovalQuestion:
    following = [each.name for each in run.stages if stage.name in each.needs]
    comes = f"{', '.join(following)} {'runs' if len(following) == 1 else 'run'}" if following else "the run goes on to its end"
    ends = (
        "the run goes on: this stage is allowed to fail"
        if stage.allow_failure
        else "the run ends as failed; what needs this stage is skipped"
    )
    return ApprovalQuestion(
        run_id=run.id,
        stage=stage.name,
        pipeline=run.pipeline,
        number=f"{run.number:,}",
        since=format_timestamp(get_waiting_since(stage)),
        question=(stage.message or f"May {stage.name} go ahead?").strip(),
        of=" or ".join(stage.approvers),
        parameters=" ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in run.parameters.items())[:400],
        if_approved=comes,
        if_rejected=ends,
        if_silent=format_timestamp(stage.newest.deadline_at),
    )


def build_report_command(run: RunView, stage: StageRunView, origin: str) -> str:
    stage_name = json.dumps(stage.name)
    return (
        f'curl -fsS {origin}/status-update/ \\\n  --json \'{{"run_id": {run.id},\n    "stage_name": {stage_name},\n'
        f'    "status": "completed"}}\''
    )
