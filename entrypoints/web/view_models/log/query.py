"""What of a run's log is looked at, as it stands in the page's address."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from application.queries.views.logs import LogFilter
from application.queries.views.runs import RunView

VIEWS = ("graph", "waterfall", "list")
LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class LogQuery:
    """`line` asks for the lines around one, `before` and `after` for those next to it; none of them, for the newest."""

    view: str = VIEWS[1]
    stage: str | None = None
    attempt: int | None = None
    errors: bool = False
    text: str = ""
    line: int | None = None
    before: int | None = None
    after: int | None = None

    @classmethod
    def of(cls, query: Mapping[str, str], run: RunView) -> "LogQuery":
        """What cannot be, such as a stage the run does not have, counts as not asked for."""
        view = query.get("view", "")
        stage = next((each for each in run.stages if each.name == query.get("stage")), None)
        attempt = _number(query.get("attempt", ""))
        known = stage is not None and attempt is not None and any(each.number == attempt for each in stage.attempts)
        return cls(
            view if view in VIEWS else VIEWS[1],
            stage.name if stage else None,
            attempt if known else None,
            query.get("stderr") == "1",
            query.get("q", "").replace("\0", "")[:LONGEST_TEXT].strip(),
            _number(query.get("line", "")),
            _number(query.get("before", "")),
            _number(query.get("after", "")),
        )

    @property
    def wanted(self) -> LogFilter:
        return LogFilter(self.stage, self.attempt, "stderr" if self.errors else None)

    @property
    def search_filter(self) -> LogFilter:
        return replace(self.wanted, text=self.text)

    @property
    def has_position(self) -> bool:
        return self.line is not None or self.before is not None or self.after is not None

    def with_changes(self, **changes: Any) -> "LogQuery":
        return replace(self, **changes)

    def newest(self) -> "LogQuery":
        return replace(self, line=None, before=None, after=None)

    @property
    def query(self) -> str:
        words = {"view": self.view, **self.filters, "q": self.text, "line": self.line, "before": self.before, "after": self.after}
        return urlencode({key: value for key, value in words.items() if value not in (None, "")})

    @property
    def filters(self) -> dict[str, str]:
        """What narrows the log, without where in it one is."""
        words = {"stage": self.stage, "attempt": self.attempt, "stderr": "1" if self.errors else None}
        return {key: str(value) for key, value in words.items() if value is not None}


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
