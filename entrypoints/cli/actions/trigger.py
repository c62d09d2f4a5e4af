"""`headgate trigger`: queue a run and, with --watch, show it until it finishes."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from domain.errors import InvalidInput
from entrypoints.cli.actions.parameters import InvalidParameter, parse_parameters
from entrypoints.cli.client.errors import ApiError
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.client.run_watcher import RunWatcher
from entrypoints.cli.output import print_error, print_json, print_json_line
from entrypoints.cli.screens.json_screen import JsonScreen
from entrypoints.cli.screens.line_screen import LineScreen
from entrypoints.cli.screens.live_screen import LiveScreen
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.cli.screens.screen import Screen
from entrypoints.cli.screens.tables import create_console
from entrypoints.parameters.descriptions import list_parameters
from entrypoints.process.command_name import get_command


@dataclass(frozen=True, slots=True)
class TriggerOptions:
    """The arguments of the command."""

    pipeline: str
    params: tuple[str, ...] = ()
    params_file: Path | None = None
    watch: bool = False
    as_json: bool = False
    list_params: bool = False
    priority: int | None = None
    over_limit: bool = False


async def trigger_run(url: str, options: TriggerOptions) -> int:
    """Return 0 if the run was queued and, if watched, completed; 1 if it ended otherwise; 2 for an unknown pipeline or bad parameters."""
    async with HeadgateClient(url) as client:
        pipeline = await client.find_pipeline(options.pipeline)
        if pipeline is None:
            print(f"headgate: there is no pipeline {options.pipeline} at {url}", file=sys.stderr)
            return 2
        if options.list_params:
            _print_parameters(pipeline)
            return 0
        try:
            parameters = parse_parameters(options.params, options.params_file, pipeline.get("parameters"))
            queued = await client.post(f"/trigger/{quote(str(pipeline['id']), safe='')}", _build_body(parameters, options))
        except (InvalidParameter, InvalidInput, ApiError) as error:
            print_error(error)
            if getattr(error, "problems", ()):
                print(f"To list its parameters: {get_command()} trigger {pipeline['name']} --list-params", file=sys.stderr)
            return 2
        _print_queued(url, pipeline["name"], queued, options)
        name = f"{pipeline['name']}#{queued['number']}"
        return await _watch(client, queued["run_id"], name, options) if options.watch else 0


def _build_body(parameters: Mapping[str, Any], options: TriggerOptions) -> dict[str, Any]:
    """Return the request's body, with the options that were given."""
    priority = {"priority": options.priority} if options.priority is not None else {}
    return {"parameters": parameters} | priority | ({"over_limit": True} if options.over_limit else {})


async def _watch(client: HeadgateClient, run_id: int, name: str, options: TriggerOptions) -> int:
    try:
        with _create_screen(options.as_json) as screen:
            return 0 if await RunWatcher(client, run_id, screen).watch_until_finished() == "completed" else 1
    except asyncio.CancelledError:
        print(f"\nThe run continues. Cancel it: {get_command()} cancel {name}", file=sys.stderr)
        raise


def _print_parameters(pipeline: Mapping[str, Any]) -> None:
    """Print each parameter with its type, limits and default, and below it the title and description of its schema."""
    parameters = list_parameters(pipeline.get("parameters"))
    width = max((len(name) for name, _, _ in parameters), default=0)
    for name, kind, text in parameters:
        print(sanitize(f"{name:<{width}}  {kind}"))
        for line in text.splitlines():
            print(sanitize(f"{'':<{width}}  {line}"))
    if not parameters:
        print(f"{pipeline['name']} has no parameters")


def _create_screen(as_json: bool) -> Screen:
    """Return the screen that suits standard output."""
    if as_json:
        return JsonScreen()
    return LiveScreen() if create_console().is_terminal else LineScreen()


def _print_queued(url: str, name: str, queued: Mapping[str, Any], options: TriggerOptions) -> None:
    if not options.as_json:
        print(f"{name}#{queued['number']} {queued['status']}  {url}/ui/runs/{queued['run_id']}", flush=True)
    elif options.watch:
        print_json_line(queued)
    else:
        print_json(queued)
