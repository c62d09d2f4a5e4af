"""Applies a folder of definitions in the web process, as `headgate apply FOLDER` does from a terminal."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from application.ports.queries.reader import Reader
from domain.access.actor import Actor
from domain.errors import FieldProblem, HeadgateError, InvalidInput, Unavailable
from domain.pipelines.applied_file import DefinitionFile
from entrypoints.container import Application
from entrypoints.definitions.definition_files import DefinitionSource, read_definitions
from entrypoints.definitions.definition_search import SearchProblem, find_definition_files
from entrypoints.definitions.document_nodes import find_line
from entrypoints.definitions.folder_snapshot import Snapshot, take_snapshot
from entrypoints.definitions.yaml_reader import compose_document

_ACTOR: Final = Actor("Headgate (folder)")
"""Who applies the folder, as the audit log shows it."""
_PAGE: Final = 1_000
_RETRY_SECONDS: Final = 30.0
"""Time until a definition that was refused is tried again, though its file has not changed."""

log = structlog.get_logger("headgate.web")


@dataclass(slots=True)
class FolderContents:
    """The definitions of a folder; one line for each problem, with the file and the line in it; and the files that are no definitions."""

    sources: list[DefinitionSource] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    skipped: set[str] = field(default_factory=set)


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
        """What prevented the last attempt; empty once the folder is applied."""

    async def run_once(self) -> None:
        """Apply the folder, unless nothing has changed since it was applied. Raise Unavailable if the database does not respond."""
        snapshot = await asyncio.to_thread(take_snapshot, [self._folder])
        if snapshot == self._tried and (not self.problems or time.monotonic() < self._retry_at):
            return
        if self._tried is not None and snapshot != self._seen:
            self._seen = snapshot
            return
        contents = await asyncio.to_thread(read_folder, self._folder)
        problems = list(contents.problems)
        # Applying an accepted file again would undo what a person changed since.
        is_retry = snapshot == self._tried
        refused: set[str] = set()
        for source in contents.sources:
            if is_retry and source.location not in self._refused:
                continue
            if found := await self._apply(source):
                refused.add(source.location)
                problems += found
        if self._prune and not problems:
            await self._archive_missing({str(source.definition.get("name")) for source in contents.sources}, contents.skipped)
        if problems != self.problems:
            for problem in problems:
                log.error("definition refused", problem=problem)
        # A definition may need a group's limit that a later file gives, so a new problem is tried again at once.
        self._retry_at = time.monotonic() + (_RETRY_SECONDS if problems == self.problems else 0.0)
        self.problems, self._refused = problems, refused
        self._seen = self._tried = snapshot

    async def _apply(self, source: DefinitionSource) -> list[str]:
        """Create or change one pipeline. Return why it was refused, one line for each problem."""
        name, text = source.definition.get("name"), source.text.text if source.text is not None else None
        try:
            file = DefinitionFile(self._source, Path(source.location).relative_to(self._folder).as_posix())
            async with self._application.adapters.open_unit_of_work()() as work:
                before = await work.pipelines.find(name) if isinstance(name, str) else None
            if before is not None and before.name != name:
                return [f"{source.location}: name: {name} is the old name of {before.name}; change it in the file"]
            if before is None:
                created = await self._application.create_pipeline()(source.definition, actor=_ACTOR, source=text, file=file)
                log.info("pipeline created from its file", pipeline=created.name, file=source.location)
                return []
            change = self._application.change_pipeline()
            changed = await change(before.id, source.definition, actor=_ACTOR, source=text, file=file)
            if changed.revision != before.revision:
                log.info("pipeline changed by its file", pipeline=changed.name, revision=changed.revision, file=source.location)
            return []
        except Unavailable:
            raise
        except InvalidInput as error:
            return [_describe(source, each) for each in error.problems]
        except HeadgateError as error:
            return [f"{source.location}: {error}"]

    async def _archive_missing(self, defined: set[str], skipped: set[str]) -> None:
        """Archive the pipelines of the folder that it no longer defines; none if it defines nothing."""
        if not defined:
            log.error("no definition was found, so no pipeline is archived", folder=str(self._folder))
            return
        skip = 0
        while page := await self._reader.applied_files(source=self._source, skip=skip, limit=_PAGE):
            for view in page:
                if view.pipeline not in defined and view.applied.file.path not in skipped and not view.is_archived:
                    await self._application.archive_pipeline()(view.pipeline_id, _ACTOR)
                    log.info("pipeline archived, because its file is gone", pipeline=view.pipeline, file=view.applied.file.path)
            skip += len(page)


def _describe(source: DefinitionSource, problem: FieldProblem) -> str:
    """Return one line with the place of the problem, as far as it is known."""
    line = None
    if source.text is not None and (root := compose_document(source.text.text)) is not None:
        line = find_line(source.text.text, root, problem.field)
    where = f"line {line + source.text.lines_before}" if line is not None and source.text is not None else ""
    return ": ".join(filter(None, (source.location, where, problem.field, problem.message)))


def read_folder(folder: Path) -> FolderContents:
    """Read every definition in the folder. Blocking. A name that two files define is a problem, and neither is a definition to apply."""
    contents = FolderContents()
    for found in find_definition_files([folder]):
        if isinstance(found, SearchProblem):
            contents.problems.append(f"{found.location}: {found.reason}")
            continue
        read = read_definitions(found)
        contents.sources += read.sources
        contents.problems += read.problems
        contents.skipped |= {Path(found.path).relative_to(folder).as_posix()} if read.notes else set()
    if not contents.sources and not contents.problems:
        contents.problems.append(f"{folder}: no pipeline definition in this folder")
    _remove_duplicates(contents)
    return contents


def _remove_duplicates(contents: FolderContents) -> None:
    """Keep the definitions with a unique name, and add a problem for each other one: no file silently replaces another."""
    by_name: dict[str, list[DefinitionSource]] = {}
    for source in contents.sources:
        by_name.setdefault(str(source.definition.get("name")), []).append(source)
    for name, (first, *others) in by_name.items():
        contents.problems += [f"{each.location}: name: {name} is also defined in {first.location}; neither is applied" for each in others]
    contents.sources = [source for source in contents.sources if len(by_name[str(source.definition.get("name"))]) == 1]
