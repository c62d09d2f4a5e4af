"""Follow a backfill until its last tick ends, by polling."""

import asyncio
import json
import sys
import time
from typing import Final

from entrypoints.cli.client.errors import ApiError, Unreachable
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.screens.backfill_progress import describe_progress
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.process.command_name import get_command

POLL_SECONDS: Final = 1.0
GIVE_UP_SECONDS: Final = 60.0
"""How long the server may not answer before the watch fails."""


async def watch_backfill(client: HeadgateClient, backfill_id: int, as_json: bool) -> int:
    """Print the progress whenever it changes. Return 0 if every tick completed, 1 otherwise.

    Raise Unreachable after a minute without an answer, and ApiError at once if the server refuses for good.
    """
    try:
        return await _watch(client, backfill_id, as_json)
    except asyncio.CancelledError:
        print(f"\nThe backfill continues. Cancel it: {get_command()} backfill-cancel {backfill_id}", file=sys.stderr)
        raise


async def _watch(client: HeadgateClient, backfill_id: int, as_json: bool) -> int:
    last_line, last_answer = "", time.monotonic()
    while True:
        try:
            backfill = await client.get(f"/backfills/{backfill_id}")
        except (Unreachable, ApiError) as error:
            is_final = isinstance(error, ApiError) and not error.is_transient
            if is_final or time.monotonic() - last_answer > GIVE_UP_SECONDS:
                raise
        else:
            last_answer = time.monotonic()
            words = ", ".join(filter(None, (describe_progress(backfill), backfill["message"])))
            line = json.dumps(backfill, ensure_ascii=False) if as_json else sanitize(words)
            if line != last_line:
                print(line, flush=True)
                last_line = line
            if backfill["finished_at"] is not None:
                return 0 if backfill["ticks"]["completed"] == backfill["total"] else 1
        await asyncio.sleep(POLL_SECONDS)
