"""`headgate status`: show every pipeline, one pipeline's latest runs, or one run's stages."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from domain.name_lists import MAX_CHOICES_NAMED, format_names
from domain.runs.run_name import is_run_reference
from entrypoints.cli.actions.activation import describe_activation
from entrypoints.cli.client.errors import ApiError
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.output import print_json
from entrypoints.cli.screens.run_view import build_stage_row, format_age, format_record_count, format_run_time, utc_now
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.cli.screens.tables import print_table
from entrypoints.process.command_name import get_command

_PAGE_SIZE = 100
_RUNS_SHOWN = 10
_MAX_CONCURRENT_REQUESTS = 8

JsonObject = Mapping[str, Any]


async def show_status(url: str, target: str | None, as_json: bool, wide: bool = False) -> int:
    """Show the target: None for all pipelines, a run's id or name for a run, else a pipeline. Return 2 if it does not exist."""
    async with HeadgateClient(url) as client:
        if target is None:
            await _show_board(client, as_json, wide)
            return 0
        is_run = is_run_reference(target)
        show = _show_run if is_run else _show_pipeline
        found = await show(client, target, as_json, wide)
    if not found:
        print(sanitize(f"headgate: there is no {'run' if is_run else 'pipeline'} {target} at {url}"), file=sys.stderr)
    return 0 if found else 2


async def _show_board(client: HeadgateClient, as_json: bool, wide: bool) -> None:
    pipelines = await _list_pipelines(client)
    limit = asyncio.Semaphore(_MAX_CONCURRENT_REQUESTS)
    runs = await asyncio.gather(*(_find_latest_run(client, limit, pipeline) for pipeline in pipelines))
    if as_json:
        print_json([{**pipeline, "latest_run": run} for pipeline, run in zip(pipelines, runs, strict=True)])
    elif pipelines:
        rows = [_build_board_row(pipeline, run) for pipeline, run in zip(pipelines, runs, strict=True)]
        print_table(rows, status_column=1, wide=wide)
    else:
        print("No pipelines yet. Create one from a YAML or JSON definition: " + get_command() + " apply FILE")


async def _list_pipelines(client: HeadgateClient) -> list[JsonObject]:
    found: list[JsonObject] = []
    while page := await client.get("/pipelines/", skip=len(found), limit=_PAGE_SIZE):
        found += page
        if len(page) < _PAGE_SIZE:
            break
    return sorted(found, key=lambda pipeline: str(pipeline["name"]))


async def _find_latest_run(client: HeadgateClient, limit: asyncio.Semaphore, pipeline: JsonObject) -> JsonObject | None:
    async with limit:
        runs = await client.get(f"/pipelines/{pipeline['id']}/runs", limit=1)
        if not runs:
            return None
        latest: JsonObject = runs[0]
        # Lists explain finished runs only: the explanation of an active run depends on workers and other runs.
        return latest if latest.get("why") else await client.get(f"/runs/{latest['id']}")


def _build_board_row(pipeline: JsonObject, run: JsonObject | None) -> list[str]:
    note = "paused. " if pipeline.get("paused_at") else ""
    if run is None:
        return [sanitize(pipeline["name"]), pipeline["status"], "never run", "", "", note.rstrip()]
    now = utc_now()
    return [
        sanitize(pipeline["name"]),
        run["status"],
        f"#{run['number']}",
        format_age(run["created_at"], now),
        format_run_time(run, now),
        sanitize(f"{note}{run.get('why') or ''}".rstrip()),
    ]


async def _show_pipeline(client: HeadgateClient, name: str, as_json: bool, wide: bool) -> bool:
    pipeline = await client.find_pipeline(name)
    if pipeline is None:
        return False
    runs = await client.get(f"/pipelines/{quote(str(pipeline['id']), safe='')}/runs", limit=_RUNS_SHOWN)
    if as_json:
        print_json({**pipeline, "runs": runs})
        return True
    stages = format_names([sanitize(stage["name"]) for stage in pipeline["stages"]], shown=MAX_CHOICES_NAMED)
    print(f"{sanitize(pipeline['name'])}  revision {pipeline['revision']}  {sanitize(pipeline.get('description') or '')}".rstrip())
    print(f"stages: {stages}")
    if (state := describe_activation(pipeline)) != "active":
        print(sanitize(state))
    if runs:
        print_table([_build_run_row(run) for run in runs], status_column=1, wide=wide)
    else:
        print("never run")
    return True


def _build_run_row(run: JsonObject) -> list[str]:
    now = utc_now()
    return [
        sanitize(f"{run['pipeline']}#{run['number']}"),
        run["status"],
        format_age(run["created_at"], now),
        format_run_time(run, now),
        sanitize(run.get("why") or ("waits for a slot" if run.get("reason") == "limit" else "")),
    ]


async def _show_run(client: HeadgateClient, reference: str, as_json: bool, wide: bool) -> bool:
    try:
        run, stages = await client.get_run(reference)
    except ApiError as error:
        if error.status == 404:
            return False
        raise
    if as_json:
        print_json({**run, "stages": stages})
        return True
    now = utc_now()
    print(f"{sanitize(run['pipeline'])}#{run['number']}  {run['status']}  {format_run_time(run, now)}  {format_record_count(run)}".rstrip())
    print_table([build_stage_row(stage, now) for stage in stages], status_column=1, wide=wide)
    print(sanitize(run.get("why") or ""))
    return True
