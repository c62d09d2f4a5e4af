"""Names that the shell completes, read from the server. A completion that fails, or is slow, offers nothing and prints nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import typer

if TYPE_CHECKING:
    from entrypoints.cli.client.headgate_client import HeadgateClient

SECONDS: Final = 1.5
_RUNS_OFFERED = 100
_PIPELINES_OFFERED = 1_000


def complete_pipeline(incomplete: str) -> list[str]:
    """Return names of pipelines."""
    return _complete(_list_pipelines, incomplete)


def complete_run(incomplete: str) -> list[str]:
    """Return names of recent runs; after `etl#`, those of the pipeline etl."""
    return _complete(lambda client: _list_runs(client, incomplete), incomplete)


def complete_reference(incomplete: str) -> list[str]:
    """Return names of pipelines; after `etl#`, names of runs."""
    return complete_run(incomplete) if "#" in incomplete else complete_pipeline(incomplete)


def complete_stage(context: typer.Context, incomplete: str) -> list[str]:
    """Return names of the stages of the run that the command line names."""
    run = context.params.get("run")
    return _complete(lambda client: _list_stages(client, str(run)), incomplete) if run else []


def _complete(load: "Callable[[HeadgateClient], Awaitable[Iterable[str]]]", incomplete: str) -> list[str]:
    try:
        names = asyncio.run(_load(load))
    except Exception:
        return []
    return [name for name in names if name.startswith(incomplete)]


async def _load(load: "Callable[[HeadgateClient], Awaitable[Iterable[str]]]") -> Iterable[str]:
    from entrypoints.cli.client.headgate_client import HeadgateClient
    from entrypoints.settings import Settings

    async with asyncio.timeout(SECONDS), HeadgateClient(Settings.read().public_url) as client:
        return await load(client)


async def _list_pipelines(client: "HeadgateClient") -> Iterable[str]:
    return [pipeline["name"] for pipeline in await client.get("/pipelines/", limit=_PIPELINES_OFFERED)]


async def _list_runs(client: "HeadgateClient", incomplete: str) -> Iterable[str]:
    pipeline, separator, _ = incomplete.partition("#")
    path = f"/pipelines/{quote(pipeline, safe='')}/runs" if separator else "/runs/"
    return [f"{run['pipeline']}#{run['number']}" for run in await client.get(path, limit=_RUNS_OFFERED)]


async def _list_stages(client: "HeadgateClient", run: str) -> Iterable[str]:
    return [stage["name"] for stage in await client.get(f"/runs/{quote(run, safe='')}/stages")]
