"""End a silence."""

from dataclasses import dataclass

from application.commands.alerts.create_silence import build_silence_event
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.errors import NotFound


@dataclass(frozen=True, slots=True)
class EndSilence:
    """End a silence now, or cancel one that has not started. The messages that it held back are sent. Ending again changes nothing.

    Raises NotFound.
    """

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    wakeups: Wakeups

    async def __call__(self, silence_id: int, actor: Actor = ANONYMOUS_ACTOR) -> None:
        async with self.open_unit_of_work() as work:
            silence = await work.silences.lock(silence_id)
            if silence is None:
                raise NotFound("silence", silence_id)
            now = self.clock.now()
            if silence.ends_at <= max(now, silence.starts_at):
                return
            await work.silences.end(silence_id, now, actor.name)
            await work.deliveries.release_held("silence", now)
            await work.audit.add([create_audit_entry(actor, AuditAction.SILENCE_ENDED, f"silence {silence_id}", now)])
            await work.site_events.add([build_silence_event(silence, "ended", actor, now)])
            await work.commit()
        self.wakeups.notify_committed()
        self.wakeups.notify_deliveries_changed()
