"""`headgate apply`: create or change pipelines to match files."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from domain.pipelines.field_parser import NAME
from entrypoints.cli.actions.definition_files import DefinitionSource, InvalidDefinitionFile, find_definition_files, read_definitions
from entrypoints.cli.client.errors import ApiError
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.output import print_error
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.definitions.revision_diff import diff_revisions


async def apply_files(url: str, paths: Iterable[Path]) -> int:
    """Apply every valid definition in the files. Return 0 if all were applied, 1 if any was refused or could not be read."""
    sources, all_readable = _read_all(paths)
    all_applied = True
    async with HeadgateClient(url) as client:
        for source in sources:
            all_applied = await _apply(client, source) and all_applied
    return 0 if all_readable and all_applied else 1


def _read_all(paths: Iterable[Path]) -> tuple[list[DefinitionSource], bool]:
    """Return the definitions to apply, and False if any file had to be left out. Print why to stderr."""
    try:
        files = list(dict.fromkeys(find_definition_files(paths)))
    except InvalidDefinitionFile as error:
        print(f"{error}", file=sys.stderr)
        return [], False
    sources: list[DefinitionSource] = []
    problems: list[str] = []
    for path in files:
        try:
            sources += read_definitions(path)
        except InvalidDefinitionFile as error:
            problems.append(str(error))
    unique, duplicates = _separate_duplicates(sources)
    problems += duplicates
    for line in problems:
        print(sanitize(line), file=sys.stderr)
    return unique, not problems


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


async def _apply(client: HeadgateClient, source: DefinitionSource) -> bool:
    """Create or change one pipeline and print the result. Return False if the server refuses the definition."""
    name = source.definition.get("name")
    try:
        # A name made of digits in the URL would be read as another pipeline's id.
        may_exist = isinstance(name, str) and re.fullmatch(NAME, name) is not None
        before = await client.find_pipeline(str(name)) if may_exist else None
        if before is None:
            created = await client.post("/pipelines/", source.definition)
            count = len(created["stages"])
            print(f"{created['name']}: created, {count} {'stage' if count == 1 else 'stages'}  ({source.location})", flush=True)
            return True
        after = await client.put(f"/pipelines/{quote(str(name), safe='')}", source.definition)
    except ApiError as error:
        if error.is_transient:
            raise
        print_error(error, source.location)
        return False
    if after["revision"] == before["revision"]:
        print(f"{name}: unchanged, revision {after['revision']}  ({source.location})", flush=True)
        return True
    print(f"{name}: revision {after['revision']}  ({source.location})", flush=True)
    for change in diff_revisions(before, after):
        print(f"    {sanitize(change)}", flush=True)
    return True
