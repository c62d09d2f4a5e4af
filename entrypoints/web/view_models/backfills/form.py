"""The form that previews and starts a backfill."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from application.commands.backfills.preview_backfill import BackfillPreview
from application.queries.explain.durations import format_duration
from domain.backfills.plan import BackfillOrder, ExistingPolicy
from domain.backfills.request import BackfillRequest
from domain.errors import FieldProblem, InvalidInput
from domain.schedules.definition import Recurrence, ScheduleDefinition
from domain.schedules.ticks import get_zone
from entrypoints.http import strict_json
from entrypoints.json_text import InvalidJson, parse_json
from entrypoints.web.view_models.backfills.page import describe_ticks
from entrypoints.web.view_models.schedules.next_times import format_day_time

NAMES: Final = ("schedule", "cron", "timezone", "from", "to", "order", "parallel", "existing", "parameters")
ORDERS: Final = {BackfillOrder.OLDEST.value: "Oldest first", BackfillOrder.NEWEST.value: "Newest first"}
EXISTING: Final = {
    ExistingPolicy.SKIP.value: "Skip ticks that have a run",
    ExistingPolicy.FAILED.value: "Skip ticks whose newest run completed",
    ExistingPolicy.ALL.value: "Run every tick again",
}
_WHOLE: Final = re.compile(r"[0-9]{1,6}")
MAX_SHOWN: Final = 20_000
"""Characters of a value that the form shows again."""


@dataclass(frozen=True, slots=True)
class BackfillForm:
    """The texts of the fields, and the problems by field. `previewed` is the fingerprint of the texts that were previewed."""

    texts: Mapping[str, str]
    previewed: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[str] = ()

    @classmethod
    def create(cls, schedules: Sequence[ScheduleDefinition]) -> Self:
        """Return the form before anything was entered."""
        defaults = {"schedule": schedules[0].name if schedules else "", "order": "oldest", "parallel": "1", "existing": "skip"}
        return cls(dict.fromkeys(NAMES, "") | defaults)

    @classmethod
    def parse(cls, posted: Mapping[str, str]) -> Self:
        """Return the form as it was posted."""
        texts = {name: posted.get(name, "").replace("\0", "").strip()[:MAX_SHOWN] for name in NAMES}
        return cls(texts, posted.get("previewed", ""))

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(repr(sorted(self.texts.items())).encode("utf-8", "replace")).hexdigest()[:16]

    @property
    def is_previewed(self) -> bool:
        """Return True if a person saw the preview of exactly these texts."""
        return self.previewed == self.fingerprint

    def to_request(self) -> BackfillRequest:
        """Return the request. Raise InvalidInput for a text that is none of a field's values."""
        texts = self.texts
        problems = [FieldProblem(name, "is not one of the choices") for name, known in _CHOICES.items() if texts[name] not in known]
        has_schedule = bool(texts["schedule"])
        unused = [name for name in ("cron", "timezone") if has_schedule and texts[name]]
        problems += [FieldProblem(name, "does not apply to a schedule: clear it, or choose no schedule") for name in unused]
        parallel = int(texts["parallel"]) if _WHOLE.fullmatch(texts["parallel"]) else 0
        parameters = _parse_parameters(texts["parameters"], problems)
        if problems:
            raise InvalidInput(problems)
        return BackfillRequest(
            texts["from"],
            texts["to"],
            texts["schedule"] or None,
            None if has_schedule else texts["cron"],
            None if has_schedule else texts["timezone"] or None,
            BackfillOrder(texts["order"]),
            parallel,
            ExistingPolicy(texts["existing"]),
            parameters,
        )

    def with_problems(self, problems: Sequence[FieldProblem]) -> "BackfillForm":
        """Return the form with each problem at its field. Problems of no field are sentences above."""
        errors: dict[str, str] = {}
        rest = []
        for problem in problems:
            name = problem.field.partition(".")[0].partition("[")[0]
            if name in NAMES and name not in errors:
                inner = problem.field.removeprefix(name).lstrip(".")
                errors[name] = f"{inner or name.capitalize()} {problem.message}"
            else:
                rest.append(f"{problem.field.capitalize()} {problem.message}.")
        return replace(self, errors=errors, problems=rest)


_CHOICES: Final[Mapping[str, Mapping[str, str]]] = {"order": ORDERS, "existing": EXISTING}


def _parse_parameters(text: str, problems: list[FieldProblem]) -> dict[str, Any]:
    if not text:
        return {}
    try:
        value = parse_json(text)
        strict_json.check({"parameters": value})
    except InvalidJson as error:
        problems.append(FieldProblem("parameters", str(error)))
    except InvalidInput as error:
        problems.extend(error.problems)
    else:
        if isinstance(value, dict):
            return value
        problems.append(FieldProblem("parameters", 'must be a JSON object, such as {"region": "eu"}'))
    return {}


def describe_preview(preview: BackfillPreview) -> list[str]:
    """Return what would run, in sentences."""
    lines = [f"{describe_ticks(preview.ticks, preview.existing)}."]
    if preview.first is None or preview.last is None:
        return lines
    zone = get_zone(Recurrence(timezone=preview.plan.timezone))
    first, last = (format_day_time(at.astimezone(zone)) for at in (preview.first, preview.last))
    lines.append(f"From {first} to {last} ({preview.plan.timezone}).")
    if preview.seconds is None:
        lines.append("No run has completed yet, so the duration is unknown.")
    else:
        lines.append(f"Takes about {format_duration(preview.seconds)}, at the median duration of the last runs.")
    return lines
