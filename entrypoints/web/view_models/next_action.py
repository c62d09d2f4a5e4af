"""What resolves the state a run is in, as a link beside its sentence."""

from dataclasses import dataclass
from urllib.parse import urlencode

from application.queries.views.runs import RunView
from domain.access.permissions import Permission
from domain.runs.status import Reason, Status
from entrypoints.web.view_models.waiting import get_waiting_stages


@dataclass(frozen=True, slots=True)
class NextAction:
    """`asks` is who may: the page hides it from others, since what is drawn for all depends on nobody."""

    text: str
    href: str
    required_permission: Permission


def get_next_action(run: RunView) -> NextAction | None:
    """None for a run that completed, that goes on by itself, or that is being stopped."""
    if run.status in (Status.FAILED, Status.LOST):
        return NextAction("Retry", f"/ui/runs/{run.id}/retry", Permission.OPERATE)
    if run.status is Status.CANCELLED:
        return NextAction("Run again", f"/ui/runs/{run.id}/again", Permission.TRIGGER)
    if run.status is not Status.WAITING or run.stop_requested_at is not None:
        return None
    return next((_answer_to(run, stage.name, stage.newest.reason) for stage in get_waiting_stages(run)), None)


def _answer_to(run: RunView, stage: str, reason: Reason | None) -> NextAction:
    here = f"/ui/waiting?{urlencode({'run': run.id, 'stage': stage})}"
    if reason is Reason.APPROVAL:
        return NextAction("Approve or reject", here, Permission.OPERATE)
    return NextAction("How to report", here, Permission.READ)
