"""`headgate apply --watch`: apply files again whenever one of them changes."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from entrypoints.cli.actions.apply import apply_files
from entrypoints.cli.actions.apply_options import ApplyOptions
from entrypoints.cli.client.errors import ApiError, Unreachable
from entrypoints.cli.output import print_error
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.definitions.folder_snapshot import Snapshot, take_snapshot

_WATCH_SECONDS = 0.5


async def watch_files(url: str, paths: Sequence[Path], options: ApplyOptions) -> int:
    """Apply the files, and again whenever one of them changes, until the task is cancelled.

    A server that does not respond is asked again.
    """
    _print(f"Watching {' '.join(map(str, paths))}: files are applied to {url} when they change. Ctrl-C stops.")
    applied: Snapshot | None = None
    problem, was_refused = "", False
    while True:
        seen = await asyncio.to_thread(take_snapshot, paths)
        await asyncio.sleep(_WATCH_SECONDS)
        if seen == applied or seen != await asyncio.to_thread(take_snapshot, paths):
            continue  # nothing has changed, or files are still being written
        try:
            code = await apply_files(url, paths, options)
        except (ApiError, Unreachable) as error:
            if str(error) != problem:
                print_error(error)
                _print("Trying again until it responds.")
            problem = str(error)
            continue
        if problem:
            _print(f"{url} responds again.")
        if was_refused and code == 0:
            _print("All definitions are applied.")
        applied, problem, was_refused, options = seen, "", code != 0, replace(options, is_repeated=True)


def _print(line: str) -> None:
    print(sanitize(line), flush=True)
