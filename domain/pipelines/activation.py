"""The activation of a pipeline (active, paused or archived), and the moves between its states."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from domain.errors import Conflict, InvalidInput


@dataclass(frozen=True, slots=True)
class Activation:
    """A pipeline's pause and archiving: since when and by whom. `changes` counts the moves, so that readers notice each.

    Nothing starts by itself while a pipeline is paused, but people and the API may trigger it. An archived pipeline starts no run at all.
    """

    paused_at: datetime | None = None
    paused_by: str | None = None
    paused_until: datetime | None = None
    archived_at: datetime | None = None
    archived_by: str | None = None
    changes: int = 0

    @property
    def is_archived(self) -> bool:
        return self.archived_at is not None

    def is_paused(self, now: datetime) -> bool:
        """Return True unless the pipeline is not paused or its pause is over."""
        return self.paused_at is not None and (self.paused_until is None or now < self.paused_until)

    def pause(self, now: datetime, by: str | None, until: datetime | None = None) -> "Activation":
        """Pause, or change the end of a pause. Return this object if nothing changes.

        Raises InvalidInput if `until` is not in the future.
        """
        require_future_end(until, now)
        if self.is_paused(now):
            return self if until == self.paused_until else self._change(paused_until=until)
        return self._change(paused_at=now, paused_by=by, paused_until=until)

    def resume(self) -> "Activation":
        """End the pause. Return this object if there is none."""
        return self if self.paused_at is None else self._change(paused_at=None, paused_by=None, paused_until=None)

    def archive(self, now: datetime, by: str | None) -> "Activation":
        """Archive. Return this object if it is archived."""
        return self if self.is_archived else self._change(archived_at=now, archived_by=by)

    def unarchive(self) -> "Activation":
        """Undo the archiving; a pause stays. Return this object if it is not archived."""
        return self._change(archived_at=None, archived_by=None) if self.is_archived else self

    def _change(self, **fields: Any) -> "Activation":
        return replace(self, changes=self.changes + 1, **fields)


ACTIVE = Activation()


def require_future_end(until: datetime | None, now: datetime) -> None:
    """Raise InvalidInput if the end of a pause, of a pipeline or of a schedule, is not in the future. None is a pause without an end."""
    if until is not None and until <= now:
        raise InvalidInput.for_field("until", f"must be later than now, {now:%Y-%m-%dT%H:%M:%SZ}")


def check_not_archived(name: str, activation: Activation) -> None:
    """Raise Conflict `archived` if the pipeline is archived: it starts no run."""
    if activation.is_archived:
        raise Conflict("archived", describe_archived(name), {"pipeline": name, "archived_at": activation.archived_at})


def describe_archived(name: str) -> str:
    """Return the sentence that refuses a run of an archived pipeline."""
    return f"{name} is archived. Unarchive it to start runs."


def check_deletable(name: str, activation: Activation, confirmed_name: str | None) -> None:
    """Raise Conflict `not_archived`, or InvalidInput if the name that confirms the deletion is not the pipeline's."""
    if not activation.is_archived:
        raise Conflict("not_archived", f"{name} is not archived. Archive it first.", {"pipeline": name})
    if confirmed_name != name:
        raise InvalidInput.for_field("confirm", f"must be the pipeline's name, {name}")
