"""`headgate trigger`: queues a run and, if asked, shows it to its end."""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from entrypoints.cli_client import HeadgateClient
from entrypoints.cli_parameters import BadParameter, read_parameters
from entrypoints.cli_screens import screen_for
from entrypoints.cli_watch import Watch
from entrypoints.commands_cli import print_json


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line asked for."""

    pipeline: str
    params: tuple[str, ...] = ()
    params_file: Path | None = None
    watch: bool = False
    as_json: bool = False


async def trigger_run(url: str, order: Order) -> int:
    """0 when the run was taken and, if watched, completed; 1 when it ended otherwise; 2 for a pipeline or parameters that do not exist."""
    async with HeadgateClient(url) as client:
        pipeline = await client.pipeline(order.pipeline)
        if pipeline is None:
            print(f"headgate: there is no pipeline {order.pipeline} at {url}", file=sys.stderr)
            return 2
        try:
            parameters = read_parameters(order.params, order.params_file, pipeline.get("parameters"))
        except BadParameter as error:
            print(f"headgate: {error}", file=sys.stderr)
            return 2
        queued = await client.post(f"/trigger/{quote(str(pipeline['id']), safe='')}", {"parameters": parameters})
        _say_queued(url, pipeline["name"], queued, order)
        return await _watched(client, url, queued, order) if order.watch else 0


async def _watched(client: HeadgateClient, url: str, queued: Mapping[str, Any], order: Order) -> int:
    run_id = queued["run_id"]
    try:
        with screen_for(order.as_json) as screen:
            return 0 if await Watch(client, run_id, screen).to_the_end() == "completed" else 1
    except asyncio.CancelledError:
        print(f"\nheadgate: run {run_id} goes on without you; to end it: curl -X POST {url}/runs/{run_id}/cancel", file=sys.stderr)
        raise


def _say_queued(url: str, name: str, queued: Mapping[str, Any], order: Order) -> None:
    if not order.as_json:
        print(f"{name} #{queued['number']} {queued['status']}  {url}/ui/runs/{queued['run_id']}", flush=True)
    elif order.watch:
        print(json.dumps(queued, ensure_ascii=False), flush=True)
    else:
        print_json(queued)
