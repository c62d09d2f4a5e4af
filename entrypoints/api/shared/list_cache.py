"""Items of lists as JSON, encoded once for as long as nothing of them has changed."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from application.ports.queries.reader import Reader
from application.queries.explain.explanation import explain_outcome
from application.queries.views.pipelines import PipelineStateVersion, PipelineView
from application.queries.views.runs import RunStateVersion, RunView
from entrypoints.api.shared.presenters import pipeline_json, run_json
from entrypoints.http.json_response import encode_json

MAX_CACHED_BYTES = 8 << 20


class _Mark(Protocol):
    @property
    def id(self) -> int: ...


class _View(Protocol):
    @property
    def id(self) -> int: ...


Mark = TypeVar("Mark", bound=_Mark)
View = TypeVar("View", bound=_View)


class ListCache(Generic[Mark, View]):
    """One a process for each kind of list. An item's text is known by its mark, so what another process changes is never missed."""

    def __init__(
        self,
        read: Callable[[Reader, Sequence[int]], Awaitable[Sequence[View]]],
        mark_of: Callable[[View], Mark],
        as_json: Callable[[View], Any],
        max_bytes: int = MAX_CACHED_BYTES,
    ) -> None:
        self._read, self._mark_of, self._as_json = read, mark_of, as_json
        self._cache: OrderedDict[Mark, bytes] = OrderedDict()
        self._free_bytes = max_bytes

    async def of(self, reader: Reader, marks: Sequence[Mark]) -> bytes:
        """The items of these marks, or as they have become since, as a JSON array in this order."""
        unknown = [mark.id for mark in marks if mark not in self._cache]
        fresh = {view.id: self._store(view) for view in await self._read(reader, unknown)} if unknown else {}
        texts = [fresh.get(mark.id) or self._cache.get(mark) for mark in marks]
        while self._free_bytes < 0:
            self._free_bytes += len(self._cache.popitem(last=False)[1])
        return b"[" + b",".join(text for text in texts if text is not None) + b"]"

    def _store(self, view: View) -> bytes:
        text, mark = encode_json(self._as_json(view)), self._mark_of(view)
        self._free_bytes += len(self._cache.get(mark, b"")) - len(text)
        self._cache[mark] = text
        return text


def pipeline_list_cache() -> ListCache[PipelineStateVersion, PipelineView]:
    return ListCache(lambda reader, ids: reader.get_pipelines_by_id(ids), to_pipeline_mark, pipeline_json)


def run_list_cache() -> ListCache[RunStateVersion, RunView]:
    """`why` only for runs that are over, which depends on nothing else."""
    return ListCache(lambda reader, ids: reader.get_runs_by_id(ids), to_run_mark, lambda run: run_json(run, explain_outcome(run)))


def to_pipeline_mark(view: PipelineView) -> PipelineStateVersion:
    latest = view.latest
    return PipelineStateVersion(view.id, view.revision, latest.id if latest else 0, latest.last_seq if latest else 0)


def to_run_mark(run: RunView) -> RunStateVersion:
    return RunStateVersion(run.id, run.last_seq, run.pipeline, ",".join(run.flow_run_ids))
