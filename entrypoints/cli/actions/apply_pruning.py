"""Archive the pipelines of a folder that its files no longer define."""

import sys
from collections.abc import Collection
from typing import Any

from entrypoints.cli.actions.apply_options import ApplyOptions
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.screens.sanitizer import sanitize

_PAGE = 1_000


async def prune(client: HeadgateClient, options: ApplyOptions, defined: Collection[str], skipped: Collection[str]) -> int:
    """Archive the pipelines of the source whose names are not defined, or print that a plan would. Return how many.

    `skipped` are the files in the folder that are no definitions: a mistake in one of them archives nothing.
    """
    if not defined:
        print("headgate: no definition was found, so no pipeline is archived. Archive them with `headgate archive`.", file=sys.stderr)
        return 0
    gone = [file for file in await _list_files(client, options) if file["pipeline"] not in defined and not file["archived"]]
    for file in gone[:]:
        if file["file"] in skipped:
            print(sanitize(f"{file['pipeline']}: not archived, because {file['file']} is there and no definition"), file=sys.stderr)
            gone.remove(file)
    for file in gone:
        where = f"no longer in {options.source} ({file['file']})"
        if options.is_plan:
            print(sanitize(f"{file['pipeline']}: would be archived, {where}"), flush=True)
        else:
            await client.post(f"/pipelines/{file['pipeline_id']}/archive", {})
            print(sanitize(f"{file['pipeline']}: archived, {where}"), flush=True)
    return len(gone)


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
