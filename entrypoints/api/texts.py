"""Items of lists as JSON, encoded once for as long as nothing of them has changed."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from application.ports.readers import Reader
from application.queries.surroundings import why_it_ended
from application.queries.views import PipelineMark, PipelineView, RunMark, RunView
from entrypoints.api.presenters import encoded, pipeline_json, run_json

KEPT_BYTES = 8 << 20


class _Mark(Protocol):
    @property
    def id(self) -> int: ...


class _View(Protocol):
    @property
    def id(self) -> int: ...


Mark = TypeVar("Mark", bound=_Mark)
View = TypeVar("View", bound=_View)


class Texts(Generic[Mark, View]):
    """One a process for each kind of list. An item's text is known by its mark, so what another process changes is never missed."""

    def __init__(
        self,
        read: Callable[[Reader, Sequence[int]], Awaitable[Sequence[View]]],
        mark_of: Callable[[View], Mark],
        as_json: Callable[[View], Any],
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self._read, self._mark_of, self._as_json = read, mark_of, as_json
        self._kept: OrderedDict[Mark, bytes] = OrderedDict()
        self._free = kept_bytes

    async def of(self, reader: Reader, marks: Sequence[Mark]) -> bytes:
        """The items of these marks, or as they have become since, as a JSON array in this order."""
        unknown = [mark.id for mark in marks if mark not in self._kept]
        fresh = {view.id: self._keep(view) for view in await self._read(reader, unknown)} if unknown else {}
        texts = [fresh.get(mark.id) or self._kept.get(mark) for mark in marks]
        while self._free < 0:
            self._free += len(self._kept.popitem(last=False)[1])
        return b"[" + b",".join(text for text in texts if text is not None) + b"]"

    def _keep(self, view: View) -> bytes:
        text, mark = encoded(self._as_json(view)), self._mark_of(view)
        self._free += len(self._kept.get(mark, b"")) - len(text)
        self._kept[mark] = text
        return text


def pipeline_texts() -> Texts[PipelineMark, PipelineView]:
    return Texts(lambda reader, ids: reader.pipelines_of(ids), mark_of_pipeline, pipeline_json)


def run_texts() -> Texts[RunMark, RunView]:
    """`why` only for runs that are over, which depends on nothing else."""
    return Texts(lambda reader, ids: reader.runs_of(ids), mark_of_run, lambda run: run_json(run, why_it_ended(run)))


def mark_of_pipeline(view: PipelineView) -> PipelineMark:
    latest = view.latest
    return PipelineMark(view.id, view.revision, latest.id if latest else 0, latest.last_seq if latest else 0)


def mark_of_run(run: RunView) -> RunMark:
    return RunMark(run.id, run.last_seq, run.pipeline, ",".join(run.flow_run_ids))
