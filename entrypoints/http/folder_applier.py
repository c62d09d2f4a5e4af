"""Applies a folder of definitions in the web process, as `headgate apply FOLDER` does from a terminal."""

import asyncio
import os
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Final

import structlog

from application.ports.queries.reader import Reader
from domain.access.actor import Actor
from domain.errors import FieldProblem, HeadgateError, InvalidInput, Unavailable
from domain.pipelines.applied_file import DefinitionFile
from entrypoints.container import Application
from entrypoints.definitions.definition_files import DefinitionSource
from entrypoints.definitions.document_nodes import find_line
from entrypoints.definitions.folder_snapshot import Snapshot, take_snapshot
from entrypoints.definitions.found_definitions import FoundDefinitions, read_all_definitions
from entrypoints.definitions.refused_definitions import describe_refused_definitions
from entrypoints.definitions.yaml_reader import compose_document

_ACTOR: Final = Actor("Headgate (folder)")
"""The actor in the audit log."""
_PAGE: Final = 1_000
_RETRY_SECONDS: Final = 30.0
"""Time until a definition that was refused is tried again, though its file has not changed."""

log = structlog.get_logger("headgate.web")


class FolderApplier:
    """Applies the folder whenever it has changed since the last time, and again those definitions that were refused.

    A change is applied once two calls in a row see it: a file may be missing for a moment while it is saved or checked out, and applying
    never unarchives what pruning archived.
    Applying an unchanged folder stores nothing, so several web processes may do it at once.
    """

    def __init__(self, application: Application, folder: Path, prune: bool) -> None:
        self._application = application
        self._reader: Reader = application.adapters.reader()
        self._folder = folder
        self._source = folder.resolve().name
        self._prune = prune
        self._seen: Snapshot | None = None
        self._tried: Snapshot | None = None
        self._refused: set[str] = set()
        self._retry_at = 0.0
        self.problems: Sequence[str] = ()
        """The reasons for which definitions were refused, without absolute paths; empty once the folder is applied."""

    async def run_once(self) -> None:
        """Apply the folder, unless nothing has changed since it was applied. Raise Unavailable if the database does not respond."""
        snapshot = await asyncio.to_thread(take_snapshot, [self._folder])
        if snapshot == self._tried and (not self.problems or time.monotonic() < self._retry_at):
            return
        if self._tried is not None and snapshot != self._seen:
            self._seen = snapshot
            return
        found = await asyncio.to_thread(read_all_definitions, [self._folder])
        # Applying an accepted file again would undo what a person changed since.
        is_retry = snapshot == self._tried
        sources = [source for source in found.sources if not is_retry or source.location in self._refused]
        refused = await self._apply_all(sources)
        problems = [self._shorten(problem) for problem in (*found.problems, *chain(*refused.values()))]
        if self._prune and not problems:
            await self._archive_missing(found)
        if problems and problems != self.problems:
            for problem in problems:
                log.error("definition refused", problem=problem, folder=str(self._folder))
            log.warning(describe_refused_definitions(len(problems)))
        self._retry_at = time.monotonic() + _RETRY_SECONDS
        self.problems, self._refused = problems, set(refused)
        self._seen = self._tried = snapshot

    async def _apply_all(self, sources: Sequence[DefinitionSource]) -> dict[str, list[str]]:
        """Apply the definitions. Return why some were refused, by location.

        One may need the limit of a group that a later file gives, so those that are refused are tried again after the others.
        """
        while True:
            refused = {source.location: reasons for source in sources if (reasons := await self._apply(source))}
            if not refused or len(refused) == len(sources):
                return refused
            sources = [source for source in sources if source.location in refused]

    def _shorten(self, problem: str) -> str:
        """Return the problem with paths relative to the folder: other people may read it than those who know the server's folders."""
        return problem.replace(f"{self._folder}{os.sep}", "").replace(str(self._folder), self._source)

    async def _apply(self, source: DefinitionSource) -> list[str]:
        """Create or change one pipeline. Return why it was refused, one line for each problem."""
        text = source.text.text if source.text is not None else None
        try:
            file = DefinitionFile(self._source, self._get_path(source.location))
            applied = await self._application.apply_definition()(source.definition, file, text, _ACTOR)
        except Unavailable:
            raise
        except InvalidInput as error:
            return [_describe(source, each) for each in error.problems]
        except HeadgateError as error:
            return [f"{source.location}: {error}"]
        if applied.is_changed:
            event = "pipeline created from its file" if applied.is_created else "pipeline changed by its file"
            log.info(event, pipeline=applied.pipeline.name, revision=applied.pipeline.revision, file=source.location)
        return []

    async def _archive_missing(self, found: FoundDefinitions) -> None:
        """Archive the pipelines of the folder that it no longer defines, unless their file is there and no definition."""
        skipped = {self._get_path(location) for location in found.skipped}
        skip = 0
        while page := await self._reader.applied_files(source=self._source, skip=skip, limit=_PAGE):
            for view in page:
                if view.pipeline not in found.names and view.applied.file.path not in skipped and not view.is_archived:
                    await self._application.archive_pipeline()(view.pipeline_id, _ACTOR)
                    log.info("pipeline archived, because its file is gone", pipeline=view.pipeline, file=view.applied.file.path)
            skip += len(page)

    def _get_path(self, location: str) -> str:
        """Return the location of a definition relative to the folder, with `/`."""
        return Path(location).relative_to(self._folder).as_posix()


def _describe(source: DefinitionSource, problem: FieldProblem) -> str:
    """Return one line with the place of the problem, as far as it is known."""
    line = None
    if source.text is not None and (root := compose_document(source.text.text)) is not None:
        line = find_line(source.text.text, root, problem.field)
    where = f"line {line + source.text.lines_before}" if line is not None and source.text is not None else ""
    return ": ".join(filter(None, (source.location, where, problem.field, problem.message)))
