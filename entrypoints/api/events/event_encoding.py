"""Events as server-sent events, encoded once for all viewers."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from application.ports.queries.change_feed import ChangeBatch
from application.queries.views.events import SiteEventView
from entrypoints.api.events.models import EventResponse, SiteEventResponse
from entrypoints.http.json_response import encode_json
from entrypoints.http.streaming.stream_catch_up import AnyEvent, get_all_events

MAX_CACHED_BATCHES = 512


def encode_event(event: AnyEvent, event_id: str | int | None) -> bytes:
    """Return one server-sent event. Without an id, the viewer's position does not change."""
    id_line = f"id: {event_id}\n" if event_id is not None else ""
    response = SiteEventResponse.from_view(event) if isinstance(event, SiteEventView) else EventResponse.from_view(event)
    return f"{id_line}event: {event.type}\ndata: ".encode() + encode_json(response) + b"\n\n"


def encode_events(events: Sequence[AnyEvent], cursor: str | None) -> bytes:
    """Return the events, the last one with the cursor as its id."""
    last = len(events) - 1
    return b"".join(encode_event(event, cursor if index == last else None) for index, event in enumerate(events))


@dataclass(slots=True)
class EncodedBatch:
    """A batch for viewers of all events, and the events of each run by seq."""

    batch: ChangeBatch
    all_events: bytes
    by_run: dict[int, list[tuple[int, bytes]]] = field(default_factory=dict)

    @classmethod
    def encode(cls, batch: ChangeBatch) -> "EncodedBatch":
        encoded = cls(batch, encode_events(get_all_events(batch), batch.cursor))
        for event in batch.events:
            encoded.by_run.setdefault(event.run_id, []).append((event.seq, encode_event(event, event.seq)))
        return encoded


class EncodedBatchCache:
    """The most recent batches, encoded."""

    def __init__(self) -> None:
        self._batches: OrderedDict[int, EncodedBatch] = OrderedDict()

    def get(self, batch: ChangeBatch) -> EncodedBatch:
        """Return the encoded batch. Entries keep their batch alive, so that its `id()` is not reused."""
        encoded = self._batches.get(id(batch))
        if encoded is None:
            encoded = self._batches[id(batch)] = EncodedBatch.encode(batch)
            if len(self._batches) > MAX_CACHED_BATCHES:
                self._batches.popitem(last=False)
        return encoded
