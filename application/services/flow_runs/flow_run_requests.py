"""The flow runs that the submitter asks Prefect for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from application.commands.dispatches.claims import DispatchRules, flow_run_key
from application.ports.dispatch.deployments import DeploymentRun
from application.ports.persistence.flow_runs import FlowRunRef, FlowRunRequest
from application.ports.telemetry.telemetry import TraceContext
from domain.pipelines.parameter_references import resolve_parameters
from domain.runs.run import Run


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A request with the flow run to create. `deployment_run` is None if the run was deleted."""

    request: FlowRunRequest
    deployment_run: DeploymentRun | None
    is_cancelled: bool = True
    pipeline: str = ""
    trace: TraceContext | None = None

    @property
    def ref(self) -> FlowRunRef:
        return self.request.ref


def prepare_requests(requests: Sequence[FlowRunRequest], runs: Mapping[int, Run], rules: DispatchRules) -> list[PreparedRequest]:
    """Return the requests with what their runs say."""
    return [_prepare(request, runs.get(request.ref.run_id), rules) for request in requests]


def _prepare(request: FlowRunRequest, run: Run | None, rules: DispatchRules) -> PreparedRequest:
    if run is None:
        return PreparedRequest(request, None)
    run_id, name, number = request.ref
    stage = run.get_stage(name)
    definition = stage.definition
    values = {**run.parameters, **run.collect_approval_values(stage)}
    deployment_run = DeploymentRun(
        deployment=definition.deployment or "",
        key=flow_run_key(rules, run_id, name, number),
        name=f"{run.definition.name}#{run.number} {name}" + (f" attempt {number}" if number > 1 else ""),
        parameters=resolve_parameters(definition.parameters or {}, values),
    )
    is_cancelled = request.is_cancelled or stage.get_attempt(number).status.is_terminal
    return PreparedRequest(request, deployment_run, is_cancelled, run.definition.name, run.trace)
