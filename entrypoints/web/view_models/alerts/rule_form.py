"""The forms that create and change a site-wide rule. They work without scripts."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from application.queries.views.alerts import AlertRuleView
from domain.alerts.rule import AlertEvent
from domain.errors import FieldProblem
from domain.pipelines.durations import format_duration
from entrypoints.http.ids import parse_id
from entrypoints.web.form_data import FormData, get_text

ROWS: Final = 3
"""Rows for channels of a new rule. The form of a rule has one more than the rule has channels."""
MAX_ROWS: Final = 20
_INDEX: Final = re.compile(r"to\[(\d+)\]")
_LABELS: Final = {
    "name": "Name",
    "on": "Events",
    "to": "Channels",
    "tags": "Tags",
    "after": "Consecutive failures",
    "remind": "Reminder",
    "timezone": "Time zone",
    "from": "Quiet from",
    "until": "Quiet to",
    "except": "Except for",
}
TEXTS: Final = ("name", "tags", "after", "remind", "timezone", "from", "until", "except")


@dataclass(frozen=True, slots=True)
class TargetRow:
    """A channel, and the delay after which it gets a message."""

    channel: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class RuleForm:
    """The texts of the fields, and the problems by field."""

    texts: Mapping[str, str]
    events: Sequence[str] = ()
    targets: Sequence[TargetRow] = ()
    recovery: bool = True
    is_new: bool = True
    errors: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[str] = ()

    @classmethod
    def create(cls) -> Self:
        """Return the form of a new rule before anything was entered."""
        return cls({**dict.fromkeys(TEXTS, ""), "after": "1"}, ("failed", "lost", "missed"), [TargetRow()] * ROWS)

    @classmethod
    def edit(cls, view: AlertRuleView) -> Self:
        """Return the form that changes a rule."""
        rule, quiet = view.rule, view.rule.quiet
        texts = {
            "name": view.name,
            "tags": ", ".join(view.tags),
            "after": str(rule.after),
            "remind": format_duration(rule.remind) if rule.remind is not None else "",
            "timezone": quiet.timezone if quiet else "",
            "from": f"{quiet.start:%H:%M}" if quiet else "",
            "until": f"{quiet.end:%H:%M}" if quiet else "",
            "except": ", ".join(quiet.exempt) if quiet else "",
        }
        targets = [TargetRow(each.channel, format_duration(each.after) if each.after else "") for each in rule.to]
        return cls(texts, [event.value for event in rule.on], [*targets, TargetRow()][:MAX_ROWS], rule.recovery, is_new=False)

    def parse(self, form: FormData) -> "RuleForm":
        """Return the form as it was posted. A rule that exists keeps its name."""
        texts = {name: get_text(form, name) for name in TEXTS if self.is_new or name != "name"}
        channels, delays = form.get("channel", ()), form.get("delay", ())
        rows = [
            TargetRow(channel.replace("\0", "").strip(), delay.replace("\0", "").strip())
            for channel, delay in zip(channels, [*delays, *[""] * len(channels)], strict=False)
        ][:MAX_ROWS]
        events = [event for event in form.get("on", ()) if event in list(AlertEvent)]
        return replace(self, texts={**self.texts, **texts}, events=events, targets=rows or [TargetRow()], recovery="recovery" in form)

    @property
    def raw(self) -> dict[str, Any]:
        """The rule as the commands take it. Blank rows are left out."""
        texts = self.texts
        quiet = {
            "timezone": texts["timezone"] or None,
            "from": texts["from"],
            "to": texts["until"],
            "except": _split(texts["except"]),
        }
        after = parse_id(texts["after"])
        raw: dict[str, Any] = {
            "name": texts["name"],
            "tags": _split(texts["tags"]),
            "on": list(self.events),
            "to": [{"channel": row.channel, "after": row.after} if row.after else {"channel": row.channel} for row in self.chosen],
            "after": after if after is not None else texts["after"] or 1,
            "remind": texts["remind"] or None,
            "recovery": self.recovery,
        }
        has_quiet = texts["from"] or texts["until"] or texts["except"] or texts["timezone"]
        return raw | ({"quiet": {key: value for key, value in quiet.items() if value}} if has_quiet else {})

    @property
    def chosen(self) -> Sequence[TargetRow]:
        """The rows in which something was entered. A delay without a channel is refused as a channel without a name."""
        return [row for row in self.targets if row.channel or row.after]

    def with_problems(self, problems: Sequence[FieldProblem]) -> "RuleForm":
        """Return the form with each problem at its field. Problems of no field are sentences above."""
        errors: dict[str, str] = {}
        rest = []
        for problem in problems:
            name = _find_field(problem.field)
            if name in _LABELS and name not in errors:
                errors[name] = f"{_LABELS[name]} {problem.message}" if not _INDEX.match(problem.field) else self._describe_target(problem)
            else:
                rest.append(f"{problem.field.capitalize()} {problem.message}.")
        return replace(self, errors=errors, problems=rest)

    def with_sentence(self, sentence: str) -> "RuleForm":
        """Return the form with a sentence above its fields."""
        return replace(self, errors={}, problems=[sentence])

    def _describe_target(self, problem: FieldProblem) -> str:
        found = _INDEX.match(problem.field)
        index = int(found[1]) if found else 0
        channel = self.chosen[index].channel if index < len(self.chosen) else ""
        what = "delay" if problem.field.endswith(".after") else "channel"
        return f"{what.capitalize()} {index + 1}{f' ({channel})' if channel else ''}: {problem.message}"


def _find_field(path: str) -> str:
    """Return the name of the form's field for a path such as `quiet.to` or `to[1].after`."""
    if path.startswith("quiet"):
        inner = path.removeprefix("quiet").lstrip(".").partition("[")[0]
        return {"to": "until", "": "from"}.get(inner, inner)
    return path.partition("[")[0].partition(".")[0]


def _split(text: str) -> list[str]:
    """Return the words of a text that commas or spaces separate."""
    return re.findall(r"[^\s,]+", text)
