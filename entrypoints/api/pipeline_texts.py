"""Pipelines as JSON, encoded once for as long as nothing of them has changed."""

from collections import OrderedDict
from collections.abc import Sequence

from application.ports.readers import Reader
from application.queries.views import PipelineMark, PipelineView
from entrypoints.api.presenters import encoded, pipeline_json

KEPT = 4_000


class PipelineTexts:
    """One a process. A pipeline's text is known by its mark, so what another process changes is never missed."""

    def __init__(self) -> None:
        self._kept: OrderedDict[PipelineMark, bytes] = OrderedDict()

    async def of(self, reader: Reader, marks: Sequence[PipelineMark]) -> bytes:
        """The pipelines of these marks, or as they have become since, as a JSON array in this order."""
        unknown = [mark.id for mark in marks if mark not in self._kept]
        fresh = {view.id: self._keep(view) for view in await reader.pipelines_of(unknown)} if unknown else {}
        texts = [fresh.get(mark.id) or self._kept.get(mark) for mark in marks]
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return b"[" + b",".join(text for text in texts if text is not None) + b"]"

    def _keep(self, view: PipelineView) -> bytes:
        text = self._kept[mark_of(view)] = encoded(pipeline_json(view))
        return text


def mark_of(view: PipelineView) -> PipelineMark:
    latest = view.latest
    return PipelineMark(view.id, view.revision, latest.id if latest else 0, latest.last_seq if latest else 0)
