"""Create a silence."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.pipelines import PipelineRef
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.alerts.period import compute_end
from domain.alerts.silence import Silence
from domain.errors import InvalidInput
from domain.site_events import SiteEvent, SiteEventType
from domain.text_validation import find_text_problem

MAX_REASON_LENGTH = 2_000


@dataclass(frozen=True, slots=True)
class NewSilence:
    """A silence of one pipeline, of the pipelines with a tag, or of all pipelines if both are None.

    It starts now if `starts_at` is None or in the past, and lasts for a duration or until a time.
    """

    pipeline: PipelineRef | None
    tag: str | None
    starts_at: datetime | None
    ends: datetime | timedelta
    reason: str


@dataclass(frozen=True, slots=True)
class SilenceResult:
    """The silence that a request created."""

    silence_id: int
    replayed: bool = False

    def as_json(self) -> dict[str, Any]:
        return {"silence_id": self.silence_id}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**stored, replayed=True)


@dataclass(frozen=True, slots=True)
class CreateSilence:
    """Hold back the messages of pipelines for a time. Incidents still open and are resolved meanwhile.

    Raises InvalidInput with the field, also for an unknown pipeline, and for a tag that no pipeline has; IdempotencyKeyReused.
    """

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    wakeups: Wakeups

    async def __call__(self, new: NewSilence, actor: Actor = ANONYMOUS_ACTOR, key: IdempotencyKey | None = None) -> SilenceResult:
        _check_texts(new)
        async with self.open_unit_of_work() as work:
            if key and (stored := await work.idempotency.find(key, self.clock.now())) is not None:
                return SilenceResult.from_json(stored)
            now = self.clock.now()
            silence = await work.silences.add(await _build_silence(work, new, actor, now))
            details = {
                "pipeline_id": silence.pipeline_id,
                "tag": silence.tag,
                "until": silence.ends_at.isoformat(),
                "reason": silence.reason,
            }
            await work.audit.add([create_audit_entry(actor, AuditAction.SILENCE_CREATED, f"silence {silence.id}", now, **details)])
            await work.site_events.add([build_silence_event(silence, "created", actor, now)])
            result = SilenceResult(silence.id)
            if key:
                await work.idempotency.add(key, result.as_json())
            await work.commit()
        self.wakeups.notify_committed()
        self.wakeups.notify_deliveries_changed()
        return result


def build_silence_event(silence: Silence, change: str, actor: Actor, now: datetime) -> SiteEvent:
    """Return the event of a silence that was created or ended."""
    data = {"id": silence.id, "change": change, "tag": silence.tag}
    return SiteEvent(SiteEventType.SILENCE_CHANGED, now, silence.pipeline_id, actor.name, data)


def _check_texts(new: NewSilence) -> None:
    if new.pipeline is not None and new.tag is not None:
        raise InvalidInput.for_field("tag", "cannot be combined with pipeline")
    problem = find_text_problem(new.reason, MAX_REASON_LENGTH) or ("must not be empty" if not new.reason.strip() else None)
    if problem:
        raise InvalidInput.for_field("reason", problem)


async def _build_silence(work: UnitOfWork, new: NewSilence, actor: Actor, now: datetime) -> Silence:
    start = max(new.starts_at or now, now)
    end = compute_end(new.starts_at or now, now, new.ends, "to")
    pipeline_id = None
    if new.pipeline is not None:
        pipeline = await work.pipelines.find(new.pipeline)
        if pipeline is None:
            raise InvalidInput.for_field("pipeline", f"must be a pipeline: none is named {new.pipeline!s:.100}")
        pipeline_id = pipeline.id
    if new.tag is not None and not await work.pipelines.has_tag(new.tag):
        raise InvalidInput.for_field("tag", f"must be a tag of a pipeline: none has the tag {new.tag:.100}")
    return Silence(0, pipeline_id, new.tag, start, end, new.reason.strip(), actor.name, now)
