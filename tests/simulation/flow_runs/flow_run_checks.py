"""Judges what is stored, and what Prefect has, at the end of a simulation of flow runs, by rules that are written here a second time."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from domain.flow_runs.flow_state import FlowState
from domain.pipelines.definition import OnCancel
from domain.runs.status import Reason, Status
from tests.fakes.persistence.store import Tables
from tests.simulation.flow_runs.simulated_deployments import SimulatedDeployments

REFUSED = "Prefect has no deployment"
"""How the error of an attempt begins whose flow run Prefect refused to create. Headgate cancels one that a slow earlier try creates."""
ENDED_HERE = (Status.CANCELLED, Status.LOST, Status.COMPLETED)
"""Statuses that Headgate sets without the flow run."""


def find_excess(tables: Tables) -> Iterator[str]:
    """Return a sentence for each run with more flow runs at once than its parallelism allows."""
    for run in tables.runs.values():
        under_way = [stage.name for stage in run.stages.values() if stage.current.flow_run is not None and not stage.is_over]
        if len(under_way) > run.definition.parallelism:
            yield f"doubled: run {run.id} runs {under_way} at once, and its parallelism is {run.definition.parallelism}"


def find_violations(tables: Tables, prefect: SimulatedDeployments) -> list[str]:
    """Return a sentence for each broken promise."""
    return [
        *_find_unfinished(tables, prefect),
        *_find_doubled(tables, prefect),
        *_find_wrong_ends(tables, prefect),
        *_find_wrong_logs(tables, prefect),
    ]


def _find_unfinished(tables: Tables, prefect: SimulatedDeployments) -> Iterator[str]:
    """Every run ends, nothing is followed for ever, and nothing is left under way in Prefect."""
    for run in tables.runs.values():
        if not run.is_over:
            yield f"stuck: run {run.id} is {run.status}: {[(each.name, each.current) for each in run.stages.values() if not each.is_over]}"
    yield from (f"stuck: {ref} is still followed: {row}" for ref, row in tables.flow_runs.items())
    left = set(_list_left(tables))
    for flow_run_id, flow_run in prefect.flow_runs.items():
        if flow_run_id not in left and not flow_run.seen.state.is_terminal:
            yield f"stuck: {flow_run_id} of {flow_run.request.name} is {flow_run.seen.state} in Prefect"


def _list_left(tables: Tables) -> Iterator[str]:
    """Yield the flow runs that go on although their stage was cancelled, as its definition says."""
    for run in tables.runs.values():
        for stage in run.stages.values():
            for attempt in stage.attempts:
                is_left = attempt.status is Status.CANCELLED and stage.definition.on_cancel is OnCancel.LEAVE
                if is_left and attempt.flow_run is not None and attempt.flow_run.id is not None:
                    yield attempt.flow_run.id


def _find_doubled(tables: Tables, prefect: SimulatedDeployments) -> Iterator[str]:
    """An attempt has one flow run, and a flow run belongs to one attempt."""
    names = Counter(flow_run.request.name for flow_run in prefect.flow_runs.values())
    yield from (f"doubled: Prefect has {count} flow runs of {name}" for name, count in names.items() if count > 1)
    owners: defaultdict[str, list[str]] = defaultdict(list)
    for run in tables.runs.values():
        for stage in run.stages.values():
            for attempt in stage.attempts:
                if attempt.flow_run is not None and attempt.flow_run.id is not None:
                    owners[attempt.flow_run.id].append(f"{run.id} {stage.name} {attempt.number}")
    yield from (f"doubled: {flow_run_id} belongs to {attempts}" for flow_run_id, attempts in owners.items() if len(attempts) > 1)


def _find_wrong_ends(tables: Tables, prefect: SimulatedDeployments) -> Iterator[str]:
    """An attempt ends as its flow run, unless Headgate ended it first."""
    for run in tables.runs.values():
        for stage in run.stages.values():
            for attempt in stage.attempts:
                flow_run = attempt.flow_run
                seen = prefect.flow_runs.get(flow_run.id or "") if flow_run is not None else None
                where = f"attempt {attempt.number} of {stage.name} in run {run.id}"
                if attempt.status is Status.COMPLETED and (flow_run is None or flow_run.state is not FlowState.COMPLETED):
                    yield f"wrong: {where} completed without its flow run: {flow_run}"
                is_complete = flow_run is not None and flow_run.problem is None
                if attempt.status is Status.COMPLETED and seen is not None and is_complete and attempt.output != seen.output:
                    yield f"wrong: {where} completed with {attempt.output}"
                is_refused = (attempt.error_message or "").startswith(REFUSED)
                is_ended_here = is_refused or attempt.reason is Reason.TIMEOUT or attempt.status in ENDED_HERE
                if seen is not None and seen.seen.state is FlowState.COMPLETED and not is_ended_here:
                    yield f"wrong: {where} is {attempt.status}, and its flow run completed"


def _find_wrong_logs(tables: Tables, prefect: SimulatedDeployments) -> Iterator[str]:
    """No line is stored twice, and the log of an attempt that completed is complete."""
    logs: defaultdict[tuple[int, str, int], list[str]] = defaultdict(list)
    for (run_id, _), line in sorted(tables.log_lines.items()):
        logs[run_id, line.stage, line.attempt].append(line.text)
    for key, lines in logs.items():
        if lines != [f"line {index}" for index in range(len(lines))]:
            yield f"doubled: the log of {key} is {lines}"
    for run in tables.runs.values():
        for stage in run.stages.values():
            for attempt in stage.attempts:
                written = prefect.flow_runs.get(attempt.flow_run.id or "") if attempt.flow_run is not None else None
                stored = logs[run.id, stage.name, attempt.number]
                is_complete = attempt.flow_run is not None and attempt.flow_run.problem is None
                if attempt.status is Status.COMPLETED and written is not None and is_complete and len(stored) != len(written.lines):
                    yield f"lost: {len(written.lines) - len(stored)} lines of {stage.name} in run {run.id}"
