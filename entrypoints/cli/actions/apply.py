"""`headgate apply`: makes the pipelines of a Headgate what the files say."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from domain.pipelines.field_parser import NAME
from entrypoints.cli.client.headgate_client import ApiError, HeadgateClient
from entrypoints.cli.commands.pipelines import print_error
from entrypoints.cli.screens.formatting import sanitize
from entrypoints.definitions.yaml_reader import DefinitionSource, UnreadableFile, diff_revisions, find_definition_files, read_definitions


async def apply_files(url: str, paths: Iterable[Path]) -> int:
    """0 when every definition of every file stands; 1 when one was refused or could not be read. The others are applied all the same."""
    written, readable = _read_all(paths)
    applied = True
    async with HeadgateClient(url) as client:
        for one in written:
            applied = await _apply(client, one) and applied
    return 0 if readable and applied else 1


def _read_all(paths: Iterable[Path]) -> tuple[list[DefinitionSource], bool]:
    written: list[DefinitionSource] = []
    unreadable: list[str] = []
    try:
        files = list(dict.fromkeys(find_definition_files(paths)))
    except UnreadableFile as error:
        print(f"{error}", file=sys.stderr)
        return [], False
    for path in files:
        try:
            written += read_definitions(path)
        except UnreadableFile as error:
            unreadable.append(str(error))
    unreadable += _remove_duplicates(written)
    for line in unreadable:
        print(sanitize(line), file=sys.stderr)
    return written, not unreadable


def _remove_duplicates(written: list[DefinitionSource]) -> list[str]:
    """One of two definitions of a name would silently win; take both out and say so."""
    places: dict[object, list[DefinitionSource]] = {}
    for one in written:
        if isinstance(name := one.definition.get("name"), str):
            places.setdefault(name, []).append(one)
    twice = {name: ones for name, ones in places.items() if len(ones) > 1}
    written[:] = [one for one in written if one.definition.get("name") not in twice]
    return [f"{ones[-1].where}: name: {name} is defined in {ones[0].where} too; neither was applied" for name, ones in twice.items()]


async def _apply(client: HeadgateClient, one: DefinitionSource) -> bool:
    name = one.definition.get("name")
    try:
        # Only what can be a name is looked up, for a number in the address would be another pipeline's id.
        may_exist = isinstance(name, str) and re.fullmatch(NAME, name) is not None
        before = await client.pipeline(str(name)) if may_exist else None
        if before is None:
            created = await client.post("/pipelines/", one.definition)
            count = len(created["stages"])
            print(f"{created['name']}: created, {count} {'stage' if count == 1 else 'stages'}  ({one.where})", flush=True)
            return True
        after = await client.put(f"/pipelines/{quote(str(name), safe='')}", one.definition)
    except ApiError as error:
        if error.is_transient:
            raise
        print_error(error, one.where)
        return False
    if after["revision"] == before["revision"]:
        print(f"{name}: unchanged, revision {after['revision']}  ({one.where})", flush=True)
        return True
    print(f"{name}: revision {after['revision']}  ({one.where})", flush=True)
    for change in diff_revisions(before, after):
        print(f"    {sanitize(change)}", flush=True)
    return True
