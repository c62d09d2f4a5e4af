"""Find which definitions of a pipeline's schedules were in force during a day."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Generic, NamedTuple, TypeVar

from application.queries.views.pipelines import RevisionView
from domain.pipelines.definition import PipelineDefinition
from domain.schedules.local_times import get_day_start

_MICROSECOND = timedelta(microseconds=1)
Item = TypeVar("Item")


class LocalDay(NamedTuple):
    """A day in a time zone. It is empty if a clock change leaves it out."""

    day: date
    zone: tzinfo
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Segment(Generic[Item]):
    """A part of a local day in which one definition was in force: for ticks from `since` to `until`, which is excluded.

    `revision` introduced it; `removed_by` is the revision, if any, that removed it within the day. Rows of its ticks may be found until
    `recorded_until`: the ticks that a jitter delays are decided with the change that removes them.
    """

    item: Item
    day: LocalDay
    since: datetime
    until: datetime
    recorded_until: datetime
    revision: int
    removed_by: int | None = None

    @property
    def was_added(self) -> bool:
        """Return True if the definition came into force during the day."""
        return self.since > self.day.start


def get_local_day(day: date, zone: tzinfo) -> LocalDay:
    start = get_day_start(day, zone)
    return LocalDay(day, zone, start, max(start, get_day_start(day + timedelta(days=1), zone)))


def build_segments(
    revisions: Sequence[RevisionView],
    get_items: Callable[[PipelineDefinition], Mapping[Hashable, Item]],
    get_zone: Callable[[Item], tzinfo],
    day: date,
) -> list[list[Segment[Item]]]:
    """Return the segments of each item that any of the revisions has, in order. The revisions are in order, too.

    A revision decides the ticks after its creation.
    """
    items = [get_items(revision.definition) for revision in revisions]
    found = []
    for key in dict.fromkeys(key for each in items for key in each):
        segments: list[Segment[Item]] = []
        index = 0
        while index < len(items):
            item, first = items[index].get(key), index
            while index < len(items) and items[index].get(key) == item:
                index += 1
            if item is not None:
                ended_by = revisions[index] if index < len(revisions) else None
                is_removed = ended_by is not None and key not in items[index]
                segment = _build_segment(item, get_local_day(day, get_zone(item)), revisions[first], ended_by, is_removed=is_removed)
                segments += [segment] if segment is not None else []
        if segments:
            found.append(_extend_removed(segments))
    return found


def _build_segment(
    item: Item, day: LocalDay, revision: RevisionView, ended_by: RevisionView | None, *, is_removed: bool
) -> Segment[Item] | None:
    since = max(day.start, revision.created_at + _MICROSECOND)
    until = min(day.end, ended_by.created_at + _MICROSECOND) if ended_by is not None else day.end
    if since > until or (since == until and day.start < day.end):
        return None
    return Segment(item, day, since, until, until, revision.revision, ended_by.revision if ended_by is not None and is_removed else None)


def _extend_removed(segments: Sequence[Segment[Item]]) -> list[Segment[Item]]:
    """Let the rows of a segment that was removed be found until the next one begins."""
    ends = [segment.since for segment in segments[1:]]
    last = segments[-1]
    ends.append(last.day.end)
    return [
        replace(each, recorded_until=max(each.until, end)) if each.removed_by else each for each, end in zip(segments, ends, strict=True)
    ]
