"""Live views: what a page shows that changes while it is open."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from application.ports.queries.change_feed import ChangeBatch
from application.queries.views.events import EventView
from domain.runs.events import EventType
from domain.runs.status import Status


@dataclass(frozen=True, slots=True)
class RenderedView:
    """A view's HTML fragments by name. `digest` identifies their state; `refresh_seconds` is set if they show passing time."""

    fragments: Mapping[str, str]
    digest: str
    refresh_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Tail:
    """Server-sent events that pages append, such as log lines, up to `position`."""

    messages: Sequence[bytes]
    position: int


class EndedRun(NamedTuple):
    """A run that ended: the name that its page shows, and its status."""

    name: str
    status: str


class ChangeEffect(NamedTuple):
    """What a batch of changes does to a view."""

    needs_render: bool
    extends_tail: bool = False


NO_EFFECT = ChangeEffect(False)


class LiveView(ABC):
    """A view that is rendered once per change for all its viewers. `render` and `read_tail` may raise NotFound and Unavailable."""

    @abstractmethod
    def get_effect(self, batch: ChangeBatch) -> ChangeEffect:
        """Return what the batch does to this view."""

    @abstractmethod
    async def render(self) -> RenderedView:
        """Render the current state."""

    def list_ended_runs(self, batch: ChangeBatch) -> Sequence[EndedRun]:
        """Return the runs whose end the page announces. The page sums up those of ten seconds in one sentence."""
        return ()

    async def read_tail(self, after: int) -> Tail:
        """Return what was appended after a position."""
        return Tail((), 0)


class StaticView(LiveView):
    """A view that never changes, for pages of which only the navigation is live."""

    def get_effect(self, batch: ChangeBatch) -> ChangeEffect:
        return NO_EFFECT

    async def render(self) -> RenderedView:
        return RenderedView({}, "")


class PageFrame(Protocol):
    """The live part that every page shows around its own view."""

    def is_affected_by(self, batch: ChangeBatch) -> bool:
        """Return whether the batch changes the frame."""
        ...

    async def render(self, is_fresh: bool) -> Mapping[str, str]:
        """Return fragments by name: of the stored state if `is_fresh`, otherwise of a state seen up to a second ago."""
        ...


def get_end_status(event: EventView) -> Status | None:
    """Return the status in which the event ends its run; None for other events."""
    return event.status if event.type is EventType.RUN_MOVED and event.status and event.status.is_terminal else None


def format_sse_event(event: str, data: str, identifier: int | None = None) -> bytes:
    """Return one server-sent event. Every kind of line end in the data starts a new `data:` line."""
    lines = "".join(f"data: {line}\n" for line in data.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    id_line = f"id: {identifier}\n" if identifier is not None else ""
    return f"event: {event}\n{id_line}{lines}\n".encode()


def format_fragments(fragments: Mapping[str, str]) -> bytes:
    """Return a server-sent event for each fragment."""
    return b"".join(format_sse_event(name, html) for name, html in fragments.items())


def get_changed_fragments(old: Mapping[str, str], new: Mapping[str, str]) -> Mapping[str, str]:
    """Return the fragments of `new` that are not the same in `old`."""
    return {name: html for name, html in new.items() if old.get(name) != html}
