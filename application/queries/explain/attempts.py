"""The number of an attempt, in words."""

from application.queries.views.runs import AttemptView, StageRunView


def describe_attempt(stage: StageRunView, attempt: AttemptView) -> str:
    """Return "attempt 2 of 3" if the definition allows three; "attempt 4 (manual retry)" if a person requested it.

    The definition limits automatic retries only, so attempts after a manual retry have no total.
    """
    restarts = [each.number for each in stage.attempts if each.by_person and 1 < each.number <= attempt.number]
    if restarts:
        return format_attempt(attempt.number, is_manual=restarts[-1] == attempt.number)
    return format_attempt(attempt.number, stage.retries + 1 if stage.retries else None)


def format_attempt(number: int, allowed: int | None = None, *, is_manual: bool = False) -> str:
    """Return the number of an attempt, with how many are allowed if that is not less."""
    total = f" of {allowed}" if allowed is not None and number <= allowed else ""
    return f"attempt {number}{total}{' (manual retry)' if is_manual else ''}"
