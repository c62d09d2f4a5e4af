"""What messages say about a run."""

from application.queries.runs.similar_failures import describe_count
from application.services.messages.message_content import MAX_CODE_LENGTH, MAX_CODE_LINES, MAX_ITEM_LENGTH, Block, bullets, code, heading
from application.services.messages.plain_text import clean_lines, shorten
from application.services.messages.run_story import RunStory
from application.services.messages.words import format_at, format_time_taken, write
from domain.runs.status import Reason, Status

_ENDS = {
    Status.FAILED: "failed",
    Status.LOST: "was lost",
    Status.CANCELLED: "was cancelled",
    Status.COMPLETED: "completed",
}


def describe_run(story: RunStory) -> Block:
    """Say how the run ended and where, or what it does now."""
    run, stage = story.run, story.stage
    where = f" at stage {stage.name}" if stage else ""
    subject = run.name
    if run.status not in _ENDS:
        since = f" since {format_at(run.started_at)}" if run.started_at else ""
        return write(f"{subject} is {run.status.value}{since}.")
    took = f", after {format_time_taken(run)}" if run.started_at and run.finished_at else ""
    at = f" on {format_at(run.finished_at)}" if run.finished_at else ""
    return write(f"{subject} {_ENDS[run.status]}{where}{at}{took}.", _describe_attempts(story))


def describe_failure(story: RunStory) -> list[Block]:
    """Show the error, what changed since the last good run, and how often the error was seen."""
    if story.stage is None:
        return []
    blocks = []
    error = clean_lines(story.stage.newest.error_message or "", MAX_CODE_LINES, MAX_CODE_LENGTH)
    blocks.append(code(error) if error else write(_describe_missing_error(story)))
    blocks += _describe_changes(story)
    seen = _describe_history(story)
    return [*blocks, write(seen)] if seen else blocks


def _describe_attempts(story: RunStory) -> str:
    attempts = [each for each in story.stage.attempts if each.started_at] if story.stage else []
    return f"All {len(attempts)} attempts failed." if len(attempts) > 1 else ""


def _describe_missing_error(story: RunStory) -> str:
    newest = story.stage.newest if story.stage else None
    if newest is not None and newest.status is Status.LOST:
        return f"The worker {newest.worker} stopped responding." if newest.worker else "The worker that ran it stopped responding."
    if newest is not None and newest.reason is Reason.TIMEOUT:
        return "It exceeded its time limit." if newest.started_at else "No worker or report before its deadline."
    return "It failed without an error message."


def _describe_changes(story: RunStory) -> list[Block]:
    if story.last_good is None:
        return [write("No earlier run of this pipeline has completed.")]
    good = f"the last completed run, #{story.last_good.number}"
    if not story.changes:
        return [write(f"Revision, parameters and record counts are the same as in {good}.")]
    return [heading(f"Changes since {good}:"), bullets([shorten(each, MAX_ITEM_LENGTH) for each in story.changes])]


def _describe_history(story: RunStory) -> str:
    """Say how often the error was seen; nothing for a failure without an error message."""
    if story.first is None:
        return ""
    if story.first.run_id == story.run.id:
        return "This error has not been seen before."
    first = f"it first occurred in run #{story.first.number}, on {format_at(story.first.at)}"
    return f"This error was {describe_count(story.similar)}; {first}."
