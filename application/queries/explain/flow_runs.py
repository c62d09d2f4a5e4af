"""Explains stages of kind `prefect`: why they have not started, are paused or being cancelled, and how they ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from application.queries.explain.durations import format_elapsed
from application.queries.explain.run_context import RunContext
from application.queries.explain.status_text import TextPart, bold, compose, format_stage_names, format_time
from application.queries.views.runs import RunView, StageRunView
from domain.flow_runs.flow_run import FlowRun
from domain.flow_runs.flow_state import FlowState
from domain.flow_runs.start_wait import StartWait, find_start_wait
from domain.runs.status import Reason, Status

MAX_PROBLEM_LENGTH: Final = 200
MAX_REASONS: Final = 3
_BRIEFLY: Final = {
    StartWait.CREATION: "not sent",
    StartWait.CREATION_RETRY: "not created",
    StartWait.PROBLEM: "blocked",
    StartWait.OBSERVATION: "scheduled",
    StartWait.WORKER: "scheduled",
    StartWait.LATE_WORKER: "late",
    StartWait.CONCURRENCY: "limited",
    StartWait.START: "starting",
    StartWait.REPETITION: "retrying",
    StartWait.CANCELLATION: "cancelling",
}


@dataclass(frozen=True, slots=True)
class _Wait:
    """Queued stages that wait for the same. `text` is the end of the sentence, without its dot."""

    stages: Sequence[StageRunView]
    is_in_prefect: bool
    text: Sequence[TextPart]


def describe_queued_flow_runs(run: RunView, context: RunContext, *, is_alone: bool) -> list[TextPart]:
    """Return why the queued flow runs have not started. `is_alone` is True if the run does and awaits nothing else."""
    waits = _group_by_reason(run, context)
    if is_alone and len(waits) == 1:
        wait = waits[0]
        since = min(_get_queued_at(stage) for stage in wait.stages)
        place = compose(" in ", _link("Prefect", wait.stages)) if wait.is_in_prefect else []
        sentences = [compose("Queued", place, f" for {format_elapsed(context.now, since)}: ", wait.text, ".")]
    else:
        sentences = [compose(" " if index else "", _describe_group(wait)) for index, wait in enumerate(waits[:MAX_REASONS])]
        hidden = sum(len(wait.stages) for wait in waits[MAX_REASONS:])
        more = f" {hidden:,} more {'stage is' if hidden == 1 else 'stages are'} queued in Prefect." if hidden else ""
        sentences.append(compose(more))
    is_outdated = context.engine_silent_since is not None and any(wait.is_in_prefect for wait in waits)
    return compose(*sentences, describe_engine_silence(context) if is_outdated else "")


def describe_engine_silence(context: RunContext) -> list[TextPart]:
    """Return that Prefect does not respond, so that what is known may be outdated; nothing if it answers."""
    since = context.engine_silent_since
    if since is None:
        return []
    return compose(" Prefect has not responded since ", format_time(since, context.now), "; this is its last known state.")


def describe_pauses(stages: Sequence[StageRunView], context: RunContext) -> list[TextPart]:
    """Return that flow runs are paused, and how they go on."""
    first = stages[0].newest
    state = (first.flow_run.state_name if first.flow_run else None) or "Paused"
    word = "suspended" if state == "Suspended" else "paused"
    deadline = f"; times out in {format_elapsed(first.deadline_at, context.now)}" if first.deadline_at else ""
    verb, them = ("is", "it") if len(stages) == 1 else ("are", "them")
    there = _link("there", stages)
    return compose(
        format_stage_names(stages), f" {verb} {word} in Prefect: resume {them} ", there, f"{deadline}.", describe_engine_silence(context)
    )


def describe_cancellation(stages: Sequence[StageRunView], context: RunContext) -> list[TextPart]:
    """Return that Prefect is cancelling flow runs, and what happens if it does not, as the end of a sentence."""
    noun = "flow run" if len(stages) == 1 else "flow runs"
    start = compose(f"Prefect is cancelling the {noun} of ", format_stage_names(stages))
    deadline = min((stage.newest.deadline_at for stage in stages if stage.newest.deadline_at), default=None)
    if context.engine_silent_since is not None:
        start = compose("Prefect has not responded since ", format_time(context.engine_silent_since, context.now))
        start = compose(start, f" and is to cancel the {noun} of ", format_stage_names(stages))
    if deadline is None or deadline <= context.now:
        return compose(start, ".")
    subject = "the stage is" if len(stages) == 1 else "the stages are"
    return compose(start, f"; {subject} cancelled in {format_elapsed(deadline, context.now)} at the latest.")


def describe_interruption(stage: StageRunView) -> str:
    """Return what keeps a flow run that has started from running, to follow the stage's duration; empty if it runs."""
    flow_run = stage.newest.flow_run
    if flow_run is None or flow_run.id is None or flow_run.state in (None, FlowState.RUNNING):
        return ""
    match find_start_wait(flow_run):
        case StartWait.CANCELLATION:
            return "; it is being cancelled in Prefect"
        case StartWait.REPETITION:
            return "; its last try failed, and Prefect is to run it again"
        case _:
            return "; Prefect is to run it again"


def was_cancelled_in_prefect(stage: StageRunView) -> bool:
    """Return whether the flow run was cancelled in Prefect, not from here."""
    newest = stage.newest
    is_cancelled = newest.status is Status.CANCELLED and newest.flow_run is not None and newest.flow_run.state is FlowState.CANCELLED
    return is_cancelled and newest.stop_requested_at is None


def is_cancelling(stage: StageRunView) -> bool:
    """Return whether Prefect was asked to cancel the flow run of the stage."""
    return stage.has_flow_run and stage.newest.stop_requested_at is not None


def is_paused(stage: StageRunView) -> bool:
    """Return whether the flow run is paused in Prefect."""
    return stage.status is Status.WAITING and stage.newest.reason is Reason.PAUSED


def count_active_stages(run: RunView) -> int:
    """Return how many stages count toward the run's parallelism: those that run on workers, and those with a flow run."""
    return sum((stage.status is Status.RUNNING and stage.newest.worker is not None) or stage.has_flow_run for stage in run.stages)


def describe_parallelism(run: RunView) -> str:
    """Return that the run has as many active stages as its parallelism allows."""
    limit = run.parallelism
    stages = "1 stage of the run is" if limit == 1 else f"{limit:,} stages of the run are"
    are_all_running = not any(stage.has_flow_run and stage.status is not Status.RUNNING for stage in run.stages)
    return f"{stages} already running{'' if are_all_running else ' or queued in Prefect'}, its parallelism limit"


def describe_flow_run_state(stage: StageRunView) -> str:
    """Return in a few words why the flow run of a stage that is not over does not run; empty if it runs."""
    flow_run = stage.newest.flow_run
    if flow_run is None or stage.status.is_terminal:
        return ""
    if is_cancelling(stage):
        return "being cancelled in Prefect"
    if is_paused(stage):
        return "paused in Prefect: resume it there"
    if stage.status is Status.QUEUED:
        return "".join(part.text for part in _describe_wait(stage, flow_run, None))
    return describe_interruption(stage).removeprefix("; ")


def describe_briefly(stage: StageRunView) -> str:
    """Return in a word or two what a flow run waits for that does not run; empty if it runs or has ended."""
    flow_run = stage.newest.flow_run
    if flow_run is None or stage.status.is_terminal:
        return ""
    if is_cancelling(stage):
        return "cancelling"
    if is_paused(stage):
        return "paused"
    if stage.status is not Status.QUEUED and not describe_interruption(stage):
        return ""
    return _BRIEFLY[find_start_wait(flow_run)]


def _group_by_reason(run: RunView, context: RunContext) -> list[_Wait]:
    """Return the queued stages by what they wait for, in the definition's order."""
    groups: dict[tuple[bool, tuple[TextPart, ...]], list[StageRunView]] = {}
    for stage in run.queued_flow_run_stages:
        flow_run = stage.newest.flow_run
        text = compose(describe_parallelism(run)) if flow_run is None else _describe_wait(stage, flow_run, context)
        groups.setdefault((flow_run is not None and flow_run.id is not None, tuple(text)), []).append(stage)
    return [_Wait(stages, is_in_prefect, text) for (is_in_prefect, text), stages in groups.items()]


def _describe_group(wait: _Wait) -> list[TextPart]:
    verb = "is" if len(wait.stages) == 1 else "are"
    return compose(format_stage_names(wait.stages), f" {verb} queued{' in Prefect' if wait.is_in_prefect else ''}: ", wait.text, ".")


def _describe_wait(stage: StageRunView, flow_run: FlowRun, context: RunContext | None) -> list[TextPart]:
    """Return why a queued flow run has not started, as the end of a sentence without its dot."""
    wait = find_start_wait(flow_run)
    if wait in (StartWait.CREATION, StartWait.CREATION_RETRY) and context is not None and context.engine_silent_since is not None:
        since = format_time(context.engine_silent_since, context.now)
        return compose("Prefect has not responded since ", since, "; Headgate creates its flow run when it does")
    worker = compose("worker of pool ", bold(flow_run.pool)) if flow_run.pool else compose("process that serves ", stage.deployment or "it")
    match wait:
        case StartWait.CREATION:
            return compose("Headgate is creating its flow run in Prefect")
        case StartWait.CREATION_RETRY:
            return compose(f"its flow run is not created yet: {_shorten(flow_run.problem)}")
        case StartWait.PROBLEM:
            return compose(_shorten(flow_run.problem))
        case StartWait.OBSERVATION:
            return compose("Prefect has its flow run and is scheduling it")
        case StartWait.LATE_WORKER:
            return compose("it is late: no ", worker, " has taken it yet")
        case StartWait.CONCURRENCY:
            return compose("it waits for a slot of a concurrency limit in Prefect")
        case StartWait.START:
            return compose("a ", worker, " has taken it and is starting it")
        case StartWait.REPETITION:
            return compose("its last try failed, and Prefect is to run it again")
        case StartWait.CANCELLATION:
            return compose("it is being cancelled in Prefect")
        case StartWait.WORKER:
            return compose("it waits for a ", worker)


def _link(text: str, stages: Sequence[StageRunView]) -> TextPart:
    """Return the text as a link to the flow run, if there is only one."""
    flow_runs = [stage.newest.flow_run for stage in stages]
    return TextPart(text, flow_run=flow_runs[0].id if len(flow_runs) == 1 and flow_runs[0] else None)


def _shorten(problem: str | None) -> str:
    return (problem or "").strip().split("\n")[0][:MAX_PROBLEM_LENGTH].rstrip(".")


def _get_queued_at(stage: StageRunView) -> datetime:
    newest = stage.newest
    return newest.queued_at or newest.created_at
