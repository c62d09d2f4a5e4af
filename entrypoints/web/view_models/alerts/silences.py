"""Silences as pages show them, and the form that creates one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Self

from application.queries.views.alerts import SilenceView
from domain.errors import FieldProblem, InvalidInput
from entrypoints.web.time_zones import parse_local_time
from entrypoints.web.view_models.formatting import StatusLabel, Timestamp, format_timestamp, shorten_json

UNTIL: Final = "until"
DURATIONS: Final = {
    "1h": ("1 hour", timedelta(hours=1)),
    "2h": ("2 hours", timedelta(hours=2)),
    "4h": ("4 hours", timedelta(hours=4)),
    "8h": ("8 hours", timedelta(hours=8)),
    "1d": ("1 day", timedelta(days=1)),
    "7d": ("1 week", timedelta(days=7)),
}
SCOPES: Final = {"pipeline": "One pipeline", "tag": "Pipelines with a tag", "all": "All pipelines"}
NAMES: Final = ("scope", "pipeline", "tag", "starts", "for", "until", "reason", "zone")
_LABELS: Final = {
    "pipeline": "Pipeline",
    "tag": "Tag",
    "starts": "Start",
    "from": "Start",
    "until": "End",
    "to": "End",
    "for": "Length",
    "reason": "Reason",
}
_FIELDS: Final = {"from": "starts", "to": "until"}


@dataclass(frozen=True, slots=True)
class SilenceItem:
    """A silence. `href` is the pipeline's page, empty for others."""

    id: int
    label: StatusLabel
    subject: str
    href: str
    starts: Timestamp | None
    ends: Timestamp | None
    reason: str
    created_by: str
    ended_by: str
    is_over: bool


def build_silence_item(silence: SilenceView, now: datetime) -> SilenceItem:
    """Return a silence's row."""
    end = silence.ended_at or silence.ends_at
    is_over = end <= now
    label = StatusLabel("completed", "Over") if is_over else StatusLabel("paused", "Active")
    if silence.starts_at > now and not is_over:
        label = StatusLabel("due", "Planned")
    return SilenceItem(
        id=silence.id,
        label=label,
        subject=silence.pipeline or (f"#{silence.tag}" if silence.tag else "All pipelines"),
        href=f"/ui/pipelines/{silence.pipeline_id}" if silence.pipeline_id is not None else "",
        starts=format_timestamp(silence.starts_at),
        ends=format_timestamp(end),
        reason=shorten_json(silence.reason, 300),
        created_by=silence.created_by or "",
        ended_by=(silence.ended_by or "a user") if silence.ended_at is not None else "",
        is_over=is_over,
    )


@dataclass(frozen=True, slots=True)
class SilenceForm:
    """The texts of the fields, and the problems by field."""

    texts: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[str] = ()

    @classmethod
    def create(cls, pipeline: str = "") -> Self:
        """Return the form before anything was entered, for a pipeline if one is given."""
        return cls({**dict.fromkeys(NAMES, ""), "scope": "pipeline", "for": "2h", "pipeline": pipeline})

    @classmethod
    def parse(cls, posted: Mapping[str, str]) -> Self:
        """Return the form as it was posted."""
        return cls({name: posted.get(name, "").replace("\0", "").strip() for name in NAMES})

    @property
    def pipeline(self) -> str | None:
        """The pipeline to silence. Raise InvalidInput if the scope is one pipeline and none is named."""
        return self._get_subject("pipeline")

    @property
    def tag(self) -> str | None:
        """The tag to silence. Raise InvalidInput if the scope is a tag and none is named."""
        found = self._get_subject("tag")
        return found.removeprefix("#") if found else None

    @property
    def starts_at(self) -> datetime | None:
        """The start, None for now. Raise InvalidInput for a text that is no time."""
        return self._parse_time("starts") if self.texts["starts"] else None

    @property
    def ends(self) -> datetime | timedelta:
        """The end. Raise InvalidInput for a text that is no time."""
        choice = self.texts["for"]
        if choice in DURATIONS and self.texts["until"]:
            raise InvalidInput.for_field("until", "does not apply to this length: clear it, or choose the time below as the end")
        return DURATIONS[choice][1] if choice in DURATIONS else self._parse_time("until")

    def with_problems(self, problems: Sequence[FieldProblem]) -> "SilenceForm":
        """Return the form with each problem at its field. Problems of no field are sentences above."""
        errors: dict[str, str] = {}
        rest = []
        for problem in problems:
            name = _FIELDS.get(problem.field, problem.field)
            if problem.field in _LABELS and name not in errors:
                errors[name] = f"{_LABELS[problem.field]} {problem.message}"
            else:
                rest.append(f"{problem.field.capitalize()} {problem.message}.")
        return replace(self, errors=errors, problems=rest)

    def with_sentence(self, sentence: str) -> "SilenceForm":
        """Return the form with a sentence above its fields."""
        return replace(self, errors={}, problems=[sentence])

    def _get_subject(self, name: str) -> str | None:
        if self.texts["scope"] not in SCOPES:
            raise InvalidInput.for_field("scope", "is not one of the choices")
        if self.texts["scope"] != name:
            if self.texts[name]:
                raise InvalidInput.for_field(name, "does not apply to this scope: clear it, or choose another scope")
            return None
        if not self.texts[name]:
            raise InvalidInput.for_field(name, "is required")
        return self.texts[name]

    def _parse_time(self, name: str) -> datetime:
        found = parse_local_time(self.texts[name], self.texts["zone"])
        if found is None:
            raise InvalidInput.for_field(name, "must be a date and a time, such as 2026-11-29T18:00")
        return found
