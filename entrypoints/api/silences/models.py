"""Silences as the API takes and returns them."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field

from application.commands.alerts.create_silence import MAX_REASON_LENGTH, NewSilence
from application.queries.views.alerts import SilenceView
from domain.errors import InvalidInput
from domain.pipelines.field_parser import TAG
from entrypoints.api.shared.durations import Duration, choose_end
from entrypoints.api.shared.models import PipelineRefField, RequestModel, ResponseModel, Timestamp, with_example
from entrypoints.http.base_path import link

_EXAMPLE: Final[dict[str, Any]] = {
    "id": 4,
    "pipeline_id": 1,
    "pipeline": "nightly-warehouse",
    "tag": None,
    "state": "active",
    "from": "2026-11-29T20:00:00Z",
    "to": "2026-11-29T22:00:00Z",
    "reason": "The warehouse moves to another disk",
    "created_at": "2026-11-29T19:58:00Z",
    "created_by": "ada",
    "ended_at": None,
    "ended_by": None,
    "links": {"self": "/silences/4", "pipeline": "/pipelines/1", "page": "/ui/silences"},
}


class NewSilenceRequest(RequestModel):
    """A silence to create: of a pipeline, of the pipelines with a tag, or of all pipelines."""

    model_config = with_example({"pipeline": "nightly-warehouse", "for": "2h", "reason": "The warehouse moves to another disk"})

    pipeline: PipelineRefField = Field(None, description="The pipeline's id or name.")
    tag: Annotated[str, Field(pattern=f"^{TAG.pattern}$")] | None = Field(None, description="A tag, in place of `pipeline`.")
    everything: bool = Field(False, alias="all", description="True for all pipelines, in place of `pipeline` and `tag`.")
    since: Timestamp = Field(None, alias="from", description="The start; now if omitted or in the past.")
    until: Timestamp = Field(None, alias="to", description="The end.")
    duration: Duration = Field(None, alias="for", description="Seconds, or a duration such as `2h`, in place of `to`; at most 366 days.")
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON_LENGTH)] = Field(description="The reason, shown to users.")

    def to_command(self) -> NewSilence:
        """Return the command's input. Raises InvalidInput unless exactly one target and one end are given."""
        given = [
            name for name, value in (("pipeline", self.pipeline), ("tag", self.tag), ("all", self.everything or None)) if value is not None
        ]
        if not given:
            raise InvalidInput.for_field("pipeline", "is required, or tag, or all: true")
        if len(given) > 1:
            raise InvalidInput.for_field(given[-1], f"cannot be combined with {given[0]}")
        return NewSilence(self.pipeline, self.tag, self.since, choose_end(self.duration, self.until, "to"), self.reason)


class SilenceResponse(ResponseModel):
    """A silence: a period in which messages are held back."""

    model_config = with_example(_EXAMPLE)

    id: int
    pipeline_id: int | None
    pipeline: str | None = Field(description="Null if it holds for the pipelines with a tag, or for all pipelines.")
    tag: str | None
    state: Literal["scheduled", "active", "over"]
    since: datetime = Field(alias="from")
    until: datetime = Field(alias="to")
    reason: str
    created_at: datetime
    created_by: str | None
    ended_at: datetime | None = Field(description="When a user ended it early.")
    ended_by: str | None
    links: dict[str, str | None]

    @classmethod
    def from_silence(cls, view: SilenceView, now: datetime) -> Self:
        """Build the response of a silence, with its state at this time."""
        names = ("id", "pipeline_id", "pipeline", "tag", "reason", "created_at", "created_by", "ended_at", "ended_by")
        given: dict[str, Any] = {name: getattr(view, name) for name in names} | {"from": view.starts_at, "to": view.ends_at}
        return cls(
            **given,
            state=_find_state(view, now),
            links={
                "self": link(f"/silences/{view.id}"),
                "pipeline": link(f"/pipelines/{view.pipeline_id}") if view.pipeline_id is not None else None,
                "page": link("/ui/silences"),
            },
        )


def _find_state(view: SilenceView, now: datetime) -> Literal["scheduled", "active", "over"]:
    if view.ends_at <= max(now, view.starts_at):
        return "over"
    return "active" if view.starts_at <= now else "scheduled"
