"""Archive the pipelines of a folder that its files no longer define."""

import sys
from typing import Any

from entrypoints.cli.actions.apply_options import ApplyOptions
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.definitions.found_definitions import FoundDefinitions

_PAGE = 1_000


async def prune(client: HeadgateClient, options: ApplyOptions, found: FoundDefinitions) -> int:
    """Archive the pipelines of the source that the folder no longer defines, or print that a plan would. Return how many.

    A file that is there but no definition archives nothing, because it may be a mistake.
    """
    if not found.names:
        print("headgate: no definition was found, so no pipeline is archived. Archive them with `headgate archive`.", file=sys.stderr)
        return 0
    skipped = {options.get_file(location) for location in found.skipped}
    count = 0
    for file in await _list_files(client, options):
        name, path = file["pipeline"], file["file"]
        if name in found.names or file["archived"]:
            continue
        if path in skipped:
            print(sanitize(f"{name}: not archived, because {path} is there and no definition"), file=sys.stderr)
            continue
        count += 1
        if not options.is_plan:
            await client.post(f"/pipelines/{file['pipeline_id']}/archive", {})
        done = "would be archived" if options.is_plan else "archived"
        print(sanitize(f"{name}: {done}, no longer in {options.source} ({path})"), flush=True)
    return count


async def _list_files(client: HeadgateClient, options: ApplyOptions) -> list[Any]:
    found: list[Any] = []
    while page := await client.get("/pipeline-files/", source=str(options.source), skip=len(found), limit=_PAGE):
        found += page
        if len(page) < _PAGE:
            break
    return found


async def print_drift(client: HeadgateClient, options: ApplyOptions) -> None:
    """Print which pipelines of the source were changed since their file was applied: applying the files replaces these changes."""
    for file in await _list_files(client, options):
        if file["has_drifted"] and not file["archived"]:
            author = f" by {file['changed_by']}" if file["changed_by"] else ""
            change = f"changed{author} since the file, in revision {file['revision']}"
            print(sanitize(f"{file['pipeline']}: {change}  ({file['file']})"), flush=True)
