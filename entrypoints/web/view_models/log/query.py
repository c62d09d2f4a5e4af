"""The query of a run's page: which view of the stages and which part of the log a URL selects."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from application.queries.runs.log_selection import check_log_selection
from application.queries.views.logs import LogFilter
from application.queries.views.runs import RunView

VIEWS = ("graph", "waterfall", "list")
GRAPH_VIEW, DEFAULT_VIEW = VIEWS[:2]
MAX_TEXT_LENGTH = 200
MAX_LINE_LENGTH = 24


@dataclass(frozen=True, slots=True)
class LogQuery:
    """The selection. List and waterfall show the stages of the group that begins with the stage `group`, from row `first_row` on.

    `line` asks for the lines around a line, `before` and `after` for those next to it; without them, the newest.
    `unknown_line` is what was given as `line` if it is not a number. `is_at_error` asks for the stage's last error, whatever came after it.
    """

    view: str = DEFAULT_VIEW
    stage: str | None = None
    attempt: int | None = None
    only_stderr: bool = False
    text: str = ""
    line: int | None = None
    before: int | None = None
    after: int | None = None
    group: str | None = None
    first_row: int = 0
    are_folded: bool = False
    unknown_line: str = ""
    is_at_error: bool = False

    @classmethod
    def parse(cls, parameters: Mapping[str, str], run: RunView) -> "LogQuery":
        """Parse query parameters. Raise NotFound for a stage that the run does not have, and for an attempt that the stage does not have.

        Other invalid values are ignored.
        """
        view = parameters.get("view", "")
        stage = parameters.get("stage") or None
        attempt = _parse_number(parameters.get("attempt", "")) if stage else None
        check_log_selection(run, stage, attempt)
        line_text = parameters.get("line", "").replace("\0", "").strip()[:MAX_LINE_LENGTH]
        line = parse_line_number(line_text)
        return cls(
            view if view in VIEWS else DEFAULT_VIEW,
            stage,
            attempt,
            parameters.get("stderr") == "1",
            parameters.get("q", "").replace("\0", "")[:MAX_TEXT_LENGTH].strip(),
            line,
            _parse_number(parameters.get("before", "")),
            _parse_number(parameters.get("after", "")),
            parameters.get("group") if any(each.name == parameters.get("group") for each in run.stages) else None,
            _parse_number(parameters.get("from", "")) or 0,
            parameters.get("fold") == "1",
            line_text if line is None else "",
            parameters.get("error") == "1",
        )

    @property
    def line_filter(self) -> LogFilter:
        """The filter for lines to show."""
        return LogFilter(self.stage, self.attempt, "stderr" if self.only_stderr else None)

    @property
    def search_filter(self) -> LogFilter:
        """The filter for lines that contain the text."""
        return replace(self.line_filter, text=self.text)

    @property
    def has_position(self) -> bool:
        """Whether the query asks for a place in the log."""
        return self.line is not None or self.before is not None or self.after is not None

    def replace(self, **changes: Any) -> "LogQuery":
        """Return the query with changes."""
        return replace(self, **changes)

    def without_position(self) -> "LogQuery":
        """Return the query for the newest lines."""
        return replace(self, line=None, before=None, after=None, unknown_line="")

    @property
    def query_string(self) -> str:
        """The query as the URL contains it, without empty values."""
        parameters = {
            "view": self.view,
            **self.rows,
            **self.filters,
            "q": self.text,
            "line": self.line,
            "before": self.before,
            "after": self.after,
            "fold": "1" if self.are_folded else None,
        }
        return urlencode({key: value for key, value in parameters.items() if value not in (None, "")})

    @property
    def rows(self) -> dict[str, str]:
        """The query parameters of the stages that list and waterfall show."""
        parameters = {"group": self.group, "from": self.first_row or None}
        return {key: str(value) for key, value in parameters.items() if value is not None}

    @property
    def filters(self) -> dict[str, str]:
        """The query parameters of the line filter."""
        parameters = {"stage": self.stage, "attempt": self.attempt, "stderr": "1" if self.only_stderr else None}
        return {key: str(value) for key, value in parameters.items() if value is not None}


def parse_line_number(text: str) -> int | None:
    """Parse "120", "L120" or "1,200"; None for anything else."""
    return _parse_number(text.strip().removeprefix("L").removeprefix("l").replace(",", ""))


def _parse_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
