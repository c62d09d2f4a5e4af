"""Finds the names that the stages of a pipeline had in the revisions of its runs."""

from collections.abc import Mapping, Sequence
from typing import Final

from application.ports.queries.reader import Reader
from application.queries.views.pipelines import PipelineView
from application.queries.views.runs import RunView
from domain.pipelines.renames import find_renamed_stages

MAX_REVISIONS: Final = 30
"""Revisions with other stages that are read, the newest ones."""

EarlierNames = Mapping[int, Mapping[str, str]]
"""For each revision the earlier names of renamed stages, by their names now."""


async def load_earlier_names(reader: Reader, pipeline: PipelineView, runs: Sequence[RunView]) -> EarlierNames:
    """Return the earlier names of stages in the revisions of these runs that have other stages than the newest revision."""
    names = {stage.name for stage in pipeline.definition.stages}
    others = sorted({run.revision for run in runs if {stage.name for stage in run.stages} != names}, reverse=True)
    earlier = {name: name for name in names}
    later, found = pipeline.definition, dict[int, Mapping[str, str]]()
    for view in await reader.revisions_numbered(pipeline.id, others[:MAX_REVISIONS]) if others else ():
        renames = find_renamed_stages(view.definition, later)
        earlier = {name: renames.get(before, before) for name, before in earlier.items()}
        later, found[view.revision] = view.definition, {name: before for name, before in earlier.items() if name != before}
    return found
