"""Live parts of pages: each view is drawn once per change and the same bytes go to all who look at it.

A view is drawn under a lock, and a viewer is added under the same lock with the state it then gets whole: so nothing falls between
what a viewer was given and the changes that follow.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from application.ports.queries.change_feed import ChangeBatch
from application.services.feed.event_hub import EventHub
from application.services.feed.subscription import Subscription
from domain.errors import HeadgateError

COALESCE_SECONDS = 0.02
RETRY_SECONDS = 1.0
HEARTBEAT_SECONDS = 15.0
FRESH_SECONDS = 0.2
"""A drawing this young serves a newcomer without being drawn again."""
BUFFERED_MESSAGES = 256

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RenderedView:
    """A view at one moment. `digest` names its state; `tick` asks to be drawn again after so many seconds although nothing changed."""

    fragments: Mapping[str, str]
    digest: str
    tick: float | None = None


@dataclass(frozen=True, slots=True)
class Tail:
    """Messages that are added rather than replaced (log lines), after `position`."""

    messages: Sequence[bytes]
    position: int


class LiveView(Protocol):
    """What a page shows live. NotFound and Unavailable come out of `draw` and `tail`."""

    def concerns(self, batch: ChangeBatch) -> tuple[bool, bool]:
        """Whether the batch changes the drawing, and whether it lengthens the tail."""
        ...

    async def render(self) -> RenderedView: ...

    def said(self, batch: ChangeBatch) -> str | None:
        """A sentence worth announcing, if the batch has one."""
        ...

    async def tail(self, after: int) -> Tail: ...


def format_sse_event(event: str, data: str, identifier: int | None = None) -> bytes:
    """One server-sent event; every kind of line end in the data starts a `data:` line of its own."""
    lines = "".join(f"data: {line}\n" for line in data.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    mark = f"id: {identifier}\n" if identifier is not None else ""
    return f"event: {event}\n{mark}{lines}\n".encode()


class StaticView:
    """A view that never changes: for pages of which only the frame is live."""

    def concerns(self, batch: ChangeBatch) -> tuple[bool, bool]:
        return False, False

    async def render(self) -> RenderedView:
        return RenderedView({}, "")

    def said(self, batch: ChangeBatch) -> str | None:
        return None

    async def tail(self, after: int) -> Tail:
        return Tail((), 0)


class PageFrame(Protocol):
    """What every page shows around its own view."""

    def concerns(self, batch: ChangeBatch) -> bool: ...

    async def render(self, is_fresh: bool) -> Mapping[str, str]:
        """Fragments by name; with `is_fresh` what is stored now, else what was seen a moment ago will do."""
        ...


class Viewer:
    """One open page. `next` gives what is due, None at the end."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(BUFFERED_MESSAGES)
        self.is_slow = False

    def offer(self, data: bytes | None) -> None:
        try:
            self._queue.put_nowait(data)
        except asyncio.QueueFull:
            self.is_slow = True

    async def next(self, seconds: float) -> bytes | None:
        """EOFError when the view ended or this viewer was too slow: it connects again and gets the state whole."""
        if self.is_slow:
            raise EOFError
        async with asyncio.timeout(seconds):
            parts = [await self._queue.get()]
        while not self._queue.empty():
            parts.append(self._queue.get_nowait())
        if None in parts:
            raise EOFError
        return b"".join(part for part in parts if part)


@dataclass(slots=True)
class _Channel:
    """One view, its viewers and the task that follows the hub for them."""

    view: LiveView
    viewers: set[Viewer] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    drawing: RenderedView | None = None
    drawn_at: float = 0.0
    position: int = 0
    is_stale: bool = False
    task: asyncio.Task[None] | None = None

    @property
    def patience(self) -> float:
        """Seconds until it is drawn again although nothing was said to have changed."""
        if self.is_stale:
            return RETRY_SECONDS
        return (self.drawing.tick if self.drawing else None) or 3_600.0

    def broadcast(self, data: bytes) -> None:
        for viewer in self.viewers:
            viewer.offer(data)


class LiveBroadcaster:
    """Every channel of this process. `renders` counts drawings, for those who want to know what a change costs."""

    def __init__(self, hub: EventHub, frame: PageFrame | None = None) -> None:
        self._hub = hub
        self._frame = frame
        self._framed: Mapping[str, str] = {}
        self._framing: asyncio.Task[None] | None = None
        self._channels: dict[tuple[object, ...], _Channel] = {}
        self._is_closed = False
        self.render_count = 0

    @asynccontextmanager
    async def join(self, key: tuple[object, ...], view: LiveView, *, seen: str = "", after: int = 0) -> AsyncIterator[Viewer]:
        """Look at a view: what differs from the state `seen` and the tail after `after` first, then every change."""
        channel = self._channels.setdefault(key, _Channel(view))
        viewer = Viewer()
        try:
            async with channel.lock:
                await self._greet(channel, viewer, seen, after)
            await self._greet_with_frame(viewer)
            if self._is_closed:
                viewer.offer(None)
            yield viewer
        finally:
            channel.viewers.discard(viewer)
            if not channel.viewers and self._channels.get(key) is channel:
                del self._channels[key]
                if channel.task is not None:
                    channel.task.cancel()
            if not self._channels and self._framing is not None:
                self._framing.cancel()
                self._framing = None

    def close(self) -> None:
        """End every stream, so that a server that is stopping need not wait for its viewers."""
        self._is_closed = True
        for channel in self._channels.values():
            for viewer in channel.viewers:
                viewer.offer(None)

    async def _greet(self, channel: _Channel, viewer: Viewer, seen: str, after: int) -> None:
        is_followed = channel.task is not None and not channel.task.done()
        if not is_followed:
            channel.task = asyncio.create_task(self._follow(channel))
            await asyncio.sleep(0)
        if channel.drawing is None or monotonic() - channel.drawn_at > FRESH_SECONDS:
            drawn = await self._draw(channel)
        else:
            drawn = channel.drawing
        tail = await channel.view.tail(after)
        if not is_followed:
            channel.position = tail.position
        channel.viewers.add(viewer)
        viewer.offer(b"retry: 1000\n\n")
        if drawn.digest != seen:
            viewer.offer(b"".join(format_sse_event(name, html) for name, html in drawn.fragments.items()))
        if tail.messages:
            viewer.offer(b"".join(tail.messages))

    async def _greet_with_frame(self, viewer: Viewer) -> None:
        if self._frame is None:
            return
        if self._framing is None or self._framing.done():
            self._framing = asyncio.create_task(self._follow_frame(self._frame))
            await asyncio.sleep(0)
        with suppress(HeadgateError):
            self._framed = await self._frame.render(False)
        viewer.offer(b"".join(format_sse_event(name, html) for name, html in self._framed.items()))

    async def _follow_frame(self, frame: PageFrame) -> None:
        """Tell every viewer of every view what changed around it."""
        with self._hub.subscribe() as subscription, suppress(EOFError):
            while True:
                batch = await subscription.next_batch(HEARTBEAT_SECONDS)
                if batch is None or not frame.concerns(batch):
                    continue
                await asyncio.sleep(COALESCE_SECONDS)
                with suppress(HeadgateError):
                    drawn = await frame.render(True)
                    changed = [format_sse_event(name, html) for name, html in drawn.items() if self._framed.get(name) != html]
                    self._framed = drawn
                    for channel in self._channels.values() if changed else ():
                        channel.broadcast(b"".join(changed))

    async def _draw(self, channel: _Channel) -> RenderedView:
        drawn = await channel.view.render()
        self.render_count += 1
        before = channel.drawing.fragments if channel.drawing else {}
        changed = [format_sse_event(name, html) for name, html in drawn.fragments.items() if before.get(name) != html]
        channel.drawing, channel.drawn_at = drawn, monotonic()
        if changed:
            channel.broadcast(b"".join(changed))
        return drawn

    async def _follow(self, channel: _Channel) -> None:
        with self._hub.subscribe() as subscription:
            while True:
                try:
                    batches = await self._gather(channel, subscription)
                except EOFError:
                    for viewer in channel.viewers:
                        viewer.offer(None)
                    return
                await self._pass_on(channel, batches)

    async def _gather(self, channel: _Channel, subscription: Subscription) -> list[ChangeBatch]:
        """The next changes that concern the view, those that follow closely with them; none when it is time to draw anyway."""
        until = monotonic() + channel.patience
        while (left := until - monotonic()) > 0:
            batch = await subscription.next_batch(left)
            if batch is None:
                break
            if any(channel.view.concerns(batch)):
                batches = [batch]
                await asyncio.sleep(COALESCE_SECONDS)
                while (more := await subscription.next_batch(0.001)) is not None and len(batches) < 100:
                    batches.append(more)
                return batches
        return []

    async def _pass_on(self, channel: _Channel, batches: Sequence[ChangeBatch]) -> None:
        concerns = [channel.view.concerns(batch) for batch in batches]
        try:
            async with channel.lock:
                if channel.is_stale or not batches or any(changes for changes, _ in concerns):
                    await self._draw(channel)
                if channel.is_stale or any(grows for _, grows in concerns):
                    await self._lengthen(channel)
            channel.is_stale = False
        except Exception as error:
            channel.is_stale = True
            if not isinstance(error, HeadgateError):
                log.exception("a live view could not be drawn")
        for batch in batches:
            if said := channel.view.said(batch):
                channel.broadcast(format_sse_event("announce", said))

    async def _lengthen(self, channel: _Channel) -> None:
        tail = await channel.view.tail(channel.position)
        channel.position = tail.position
        for data in tail.messages:
            channel.broadcast(data)
