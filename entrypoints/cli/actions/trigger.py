"""`headgate trigger`: queues a run and, if asked, shows it to its end."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from entrypoints.cli.actions.parameters import InvalidParameter, parse_parameters
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.client.run_watcher import RunWatcher
from entrypoints.cli.commands.pipelines import print_json
from entrypoints.cli.screens.run_screens import create_screen


@dataclass(frozen=True, slots=True)
class TriggerOptions:
    """What the command line asked for."""

    pipeline: str
    params: tuple[str, ...] = ()
    params_file: Path | None = None
    watch: bool = False
    as_json: bool = False


async def trigger_run(url: str, options: TriggerOptions) -> int:
    """0 when the run was taken and, if watched, completed; 1 when it ended otherwise; 2 for a pipeline or parameters that do not exist."""
    async with HeadgateClient(url) as client:
        pipeline = await client.pipeline(options.pipeline)
        if pipeline is None:
            print(f"headgate: there is no pipeline {options.pipeline} at {url}", file=sys.stderr)
            return 2
        try:
            parameters = parse_parameters(options.params, options.params_file, pipeline.get("parameters"))
        except InvalidParameter as error:
            print(f"headgate: {error}", file=sys.stderr)
            return 2
        queued = await client.post(f"/trigger/{quote(str(pipeline['id']), safe='')}", {"parameters": parameters})
        _print_queued(url, pipeline["name"], queued, options)
        return await _watch(client, url, queued, options) if options.watch else 0


async def _watch(client: HeadgateClient, url: str, queued: Mapping[str, Any], options: TriggerOptions) -> int:
    run_id = queued["run_id"]
    try:
        with create_screen(options.as_json) as screen:
            return 0 if await RunWatcher(client, run_id, screen).watch_until_finished() == "completed" else 1
    except asyncio.CancelledError:
        print(f"\nheadgate: run {run_id} goes on without you; to end it: curl -X POST {url}/runs/{run_id}/cancel", file=sys.stderr)
        raise


def _print_queued(url: str, name: str, queued: Mapping[str, Any], options: TriggerOptions) -> None:
    if not options.as_json:
        print(f"{name} #{queued['number']} {queued['status']}  {url}/ui/runs/{queued['run_id']}", flush=True)
    elif options.watch:
        print(json.dumps(queued, ensure_ascii=False), flush=True)
    else:
        print_json(queued)
