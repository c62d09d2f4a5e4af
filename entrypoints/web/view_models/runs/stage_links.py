"""Links to a stage."""

from urllib.parse import quote


def build_log_link(run_id: int, stage: str, view: str) -> str:
    """Return the URL of a stage's log on the run's page in one of its views."""
    return f"/ui/runs/{run_id}?view={view}&stage={quote(stage)}#log"


def build_line_link(run_id: int, stage: str, attempt: int, line: int) -> str:
    """Return the URL of a line in the log of an attempt."""
    return f"/ui/runs/{run_id}?stage={quote(stage)}&attempt={attempt}&line={line}#L{line}"


def build_attempt_link(run_id: int, stage: str, attempt: int | None) -> str:
    """Return the URL of an attempt's log, or of all attempts' for None. It opens at the error if the attempt failed."""
    return f"/ui/runs/{run_id}?stage={quote(stage)}{f'&attempt={attempt}' if attempt else ''}#log"


def build_error_link(run_id: int, stage: str) -> str:
    """Return the URL of a stage's log at the error of its last attempt that failed."""
    return f"/ui/runs/{run_id}?stage={quote(stage)}&error=1#log"


def build_group_link(run_id: int, group: str) -> str:
    """Return the URL of the list of a group's stages on the run's page. The graph names a group by its first stage."""
    return f"/ui/runs/{run_id}?view=list&group={quote(group)}#stages"
