"""Query parameters of requests that apply a definition from a file."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from domain.errors import InvalidInput
from domain.pipelines.applied_file import MAX_FILE_LENGTH, MAX_SOURCE_LENGTH, DefinitionFile

SourceName = Annotated[str | None, Query(max_length=MAX_SOURCE_LENGTH, description="The folder of definitions, such as `pipelines`.")]
FilePath = Annotated[str | None, Query(max_length=MAX_FILE_LENGTH, description="The file in that folder, such as `etl.yaml`.")]
DryRun = Annotated[bool, Query(description="Check the request and return what it would store, but store nothing.")]
CheckGroups = Annotated[
    bool,
    Query(description="False, in a dry run only: do not compare the groups with those of other pipelines, to plan several definitions."),
]


@dataclass(frozen=True, slots=True)
class DryRunOptions:
    """The options of a dry run, which stores nothing, and may leave out the comparison with the groups of other pipelines."""

    is_dry_run: bool
    are_groups_checked: bool


def _get_dry_run(dry_run: DryRun = False, check_groups: CheckGroups = True) -> DryRunOptions:
    """Return the options. Raise InvalidInput if groups are not checked though the definition is stored."""
    if not (dry_run or check_groups):
        raise InvalidInput.for_field("check_groups", "can be false only with dry_run")
    return DryRunOptions(dry_run, check_groups)


def _get_definition_file(source: SourceName = None, file: FilePath = None) -> DefinitionFile | None:
    """Return the file that the definition is applied from. Raise InvalidInput if only one of its two parameters is there."""
    if source is None and file is None:
        return None
    if source is None or file is None:
        raise InvalidInput.for_field("file" if file is None else "source", "is needed: `source` and `file` are given together")
    return DefinitionFile(source, file)


DefinitionFileDep = Annotated[DefinitionFile | None, Depends(_get_definition_file)]
DryRunDep = Annotated[DryRunOptions, Depends(_get_dry_run)]
