"""Reads all definitions in files and folders."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from entrypoints.definitions.definition_files import DefinitionSource, read_definitions
from entrypoints.definitions.definition_search import SearchProblem, find_definition_files


@dataclass(slots=True)
class FoundDefinitions:
    """The definitions to apply, a line for each problem, and a line for each part that is skipped because it is no definition.

    `skipped` are the locations of the files with such parts.
    """

    sources: list[DefinitionSource] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: set[str] = field(default_factory=set)

    @property
    def names(self) -> set[str]:
        return {str(source.definition.get("name")) for source in self.sources}


def read_all_definitions(paths: Sequence[Path]) -> FoundDefinitions:
    """Read the files, and those in the folders. Blocking. Definitions with the same name are a problem, and none of them is applied."""
    found = FoundDefinitions()
    for file in find_definition_files(paths):
        if isinstance(file, SearchProblem):
            found.problems.append(f"{file.location}: {file.reason}")
            continue
        contents = read_definitions(file)
        found.sources += contents.sources
        found.problems += contents.problems
        found.notes += contents.notes
        if contents.notes:
            found.skipped.add(file.location)
    found.sources, duplicates = _separate_duplicates(found.sources)
    found.problems += duplicates
    if found.notes and not found.sources and not found.problems:
        found.problems.append(f"{' '.join(map(str, paths))}: no pipeline definition")
    return found


def _separate_duplicates(sources: list[DefinitionSource]) -> tuple[list[DefinitionSource], list[str]]:
    """Return the definitions with a unique name, and a line for each name defined more than once: no file silently wins."""
    by_name: dict[str, list[DefinitionSource]] = {}
    for source in sources:
        if isinstance(name := source.definition.get("name"), str):
            by_name.setdefault(name, []).append(source)
    duplicates = {name: same for name, same in by_name.items() if len(same) > 1}
    unique = [source for source in sources if source.definition.get("name") not in duplicates]
    lines = [
        f"{same[-1].location}: name: {name} is also defined in {same[0].location}; neither was applied" for name, same in duplicates.items()
    ]
    return unique, lines
