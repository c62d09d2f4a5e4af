"""The action that resolves a run's state, as a link beside its status text."""

from dataclasses import dataclass
from urllib.parse import urlencode

from application.queries.views.runs import RunView, StageRunView
from domain.access.permissions import Permission
from domain.runs.status import Reason, Status
from entrypoints.web.prefect_pages import get_flow_run_path
from entrypoints.web.view_models.waiting import get_waiting_stages


@dataclass(frozen=True, slots=True)
class NextAction:
    """A link. The page hides it from users without the permission, because live fragments are the same for all users."""

    text: str
    href: str
    required_permission: Permission


def get_next_action(run: RunView) -> NextAction | None:
    """Return the action; None if the run completed, continues by itself or is being cancelled."""
    if run.status in (Status.FAILED, Status.LOST):
        return NextAction("Retry", f"/ui/runs/{run.id}/retry", Permission.OPERATE)
    if run.status is Status.CANCELLED:
        return NextAction("Run again", f"/ui/runs/{run.id}/again", Permission.TRIGGER)
    if run.status is not Status.WAITING or run.stop_requested_at is not None:
        return None
    return next((_get_waiting_action(run, stage) for stage in get_waiting_stages(run)), None)


def _get_waiting_action(run: RunView, stage: StageRunView) -> NextAction:
    href = f"/ui/waiting?{urlencode({'run': run.id, 'stage': stage.name})}"
    newest = stage.newest
    if newest.flow_run is not None and newest.flow_run.id is not None:
        return NextAction("Resume in Prefect", get_flow_run_path(newest.flow_run.id), Permission.READ)
    if newest.reason is Reason.APPROVAL:
        return NextAction("Approve or reject", href, Permission.OPERATE)
    return NextAction("How to report", href, Permission.READ)
