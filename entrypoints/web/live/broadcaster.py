"""Broadcasting of live views: each view is rendered once per change, and all its viewers get the same bytes.

A channel renders its view under a lock. A new viewer is added under the same lock, together with the state it receives first,
so it misses no change after that state.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic

from application.ports.queries.change_feed import ChangeBatch
from application.services.feed.event_hub import EventHub
from application.services.feed.subscription import Subscription
from domain.errors import HeadgateError
from entrypoints.web.live.view import LiveView, PageFrame, RenderedView, format_fragments, format_sse_event, get_changed_fragments
from entrypoints.web.live.viewer import Viewer

COALESCE_SECONDS = 0.02
MAX_COALESCED = 100
RETRY_SECONDS = 1.0
IDLE_SECONDS = 3_600.0
FRAME_POLL_SECONDS = 15.0
FRESH_SECONDS = 0.2
"""A new viewer gets a rendering of this age without rendering the view again."""
RECONNECT = b"retry: 1000\n\n"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Channel:
    """A view, its viewers, and the task that follows the event hub for them. Those that are `joining` get no changes yet."""

    view: LiveView
    viewers: set[Viewer] = field(default_factory=set)
    joining: set[Viewer] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    rendered: RenderedView | None = None
    rendered_at: float = 0.0
    position: int = 0
    is_stale: bool = False
    """True after a failed rendering, until one succeeds."""
    task: asyncio.Task[None] | None = None

    @property
    def refresh_seconds(self) -> float:
        """Seconds until the view is rendered again without a change."""
        if self.is_stale:
            return RETRY_SECONDS
        return (self.rendered.refresh_seconds if self.rendered else None) or IDLE_SECONDS

    @property
    def is_followed(self) -> bool:
        return self.task is not None and not self.task.done()

    def broadcast(self, data: bytes | None) -> None:
        for viewer in self.viewers:
            viewer.offer(data)


class LiveBroadcaster:
    """All channels of this process. `render_count` counts renderings, so that tests can tell what a change costs."""

    def __init__(self, hub: EventHub, frame: PageFrame | None = None) -> None:
        self._hub = hub
        self._frame = frame
        self._frame_fragments: Mapping[str, str] = {}
        self._frame_task: asyncio.Task[None] | None = None
        self._channels: dict[tuple[object, ...], _Channel] = {}
        self._is_closed = False
        self.render_count = 0

    @asynccontextmanager
    async def join(self, key: tuple[object, ...], view: LiveView, *, seen: str = "", after: int = 0) -> AsyncIterator[Viewer]:
        """Watch a view. The viewer first gets the state, unless `seen` is its digest, and the tail after `after`; then every change.

        Views with the same key share a channel.
        """
        channel = self._channels.setdefault(key, _Channel(view))
        viewer = Viewer()
        channel.joining.add(viewer)  # the channel stays if its last viewer leaves meanwhile, as with a page that is loaded again
        try:
            async with channel.lock:
                await self._add_viewer(channel, viewer, seen, after)
            await self._send_frame(viewer)
            if self._is_closed:
                viewer.offer(None)
            yield viewer
        finally:
            self._remove_viewer(key, channel, viewer)

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        self._is_closed = True
        for channel in self._channels.values():
            channel.broadcast(None)

    async def _add_viewer(self, channel: _Channel, viewer: Viewer, seen: str, after: int) -> None:
        is_new = not channel.is_followed
        if is_new:
            channel.task = asyncio.create_task(self._follow(channel))
            await asyncio.sleep(0)  # the task subscribes before the state is read
        if channel.rendered is None or monotonic() - channel.rendered_at > FRESH_SECONDS:
            rendered = await self._render(channel)
        else:
            rendered = channel.rendered
        tail = await channel.view.read_tail(after)
        if is_new:
            channel.position = tail.position
        channel.viewers.add(viewer)
        channel.joining.discard(viewer)
        viewer.offer(RECONNECT)
        if rendered.digest != seen:
            viewer.offer(format_fragments(rendered.fragments))
        if tail.messages:
            viewer.offer(b"".join(tail.messages))

    def _remove_viewer(self, key: tuple[object, ...], channel: _Channel, viewer: Viewer) -> None:
        channel.viewers.discard(viewer)
        channel.joining.discard(viewer)
        if not channel.viewers and not channel.joining and self._channels.get(key) is channel:
            del self._channels[key]
            if channel.task is not None:
                channel.task.cancel()
        if not self._channels and self._frame_task is not None:
            self._frame_task.cancel()
            self._frame_task = None

    async def _send_frame(self, viewer: Viewer) -> None:
        if self._frame is None:
            return
        if self._frame_task is None or self._frame_task.done():
            self._frame_task = asyncio.create_task(self._follow_frame(self._frame))
            await asyncio.sleep(0)
        with suppress(HeadgateError):
            self._frame_fragments = await self._frame.render(False)
        viewer.offer(format_fragments(self._frame_fragments))

    async def _follow_frame(self, frame: PageFrame) -> None:
        """Send changes of the page frame to the viewers of all views."""
        with self._hub.subscribe() as subscription, suppress(EOFError):
            while True:
                batch = await subscription.next_batch(FRAME_POLL_SECONDS)
                if batch is None or not frame.is_affected_by(batch):
                    continue
                await asyncio.sleep(COALESCE_SECONDS)
                with suppress(HeadgateError):
                    fragments = await frame.render(True)
                    changed = get_changed_fragments(self._frame_fragments, fragments)
                    self._frame_fragments = fragments
                    for channel in self._channels.values() if changed else ():
                        channel.broadcast(format_fragments(changed))

    async def _follow(self, channel: _Channel) -> None:
        with self._hub.subscribe() as subscription:
            while True:
                try:
                    batches = await self._wait_for_changes(channel, subscription)
                except EOFError:
                    channel.broadcast(None)
                    return
                await self._broadcast_changes(channel, batches)

    async def _wait_for_changes(self, channel: _Channel, subscription: Subscription) -> list[ChangeBatch]:
        """Return the next change that affects the view and those that closely follow it; empty when the view is due for a refresh."""
        started = monotonic()
        while (left := started + channel.refresh_seconds - monotonic()) > 0:
            # A viewer that joins renders the channel while this waits, which may make it due sooner.
            batch = await subscription.next_batch(min(left, FRAME_POLL_SECONDS if channel.rendered else RETRY_SECONDS))
            if batch is None:
                continue
            if any(channel.view.get_effect(batch)):
                batches = [batch]
                await asyncio.sleep(COALESCE_SECONDS)
                while (more := await subscription.next_batch(0.001)) is not None and len(batches) < MAX_COALESCED:
                    batches.append(more)
                return batches
        return []

    async def _broadcast_changes(self, channel: _Channel, batches: Sequence[ChangeBatch]) -> None:
        effects = [channel.view.get_effect(batch) for batch in batches]
        try:
            async with channel.lock:
                if channel.is_stale or not batches or any(effect.needs_render for effect in effects):
                    await self._render(channel)
                if channel.is_stale or any(effect.extends_tail for effect in effects):
                    await self._broadcast_tail(channel)
            channel.is_stale = False
        except Exception as error:
            channel.is_stale = True
            if not isinstance(error, HeadgateError):
                log.exception("rendering a live view failed")
        for batch in batches:
            if ended := channel.view.list_ended_runs(batch):
                channel.broadcast(format_sse_event("ended-runs", json.dumps(ended)))

    async def _render(self, channel: _Channel) -> RenderedView:
        """Render the view and send the changed fragments to its viewers."""
        rendered = await channel.view.render()
        self.render_count += 1
        changed = get_changed_fragments(channel.rendered.fragments if channel.rendered else {}, rendered.fragments)
        channel.rendered, channel.rendered_at = rendered, monotonic()
        if changed:
            channel.broadcast(format_fragments(changed))
        return rendered

    async def _broadcast_tail(self, channel: _Channel) -> None:
        tail = await channel.view.read_tail(channel.position)
        channel.position = tail.position
        for data in tail.messages:
            channel.broadcast(data)
