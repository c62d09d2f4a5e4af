"""Lists and pages over a hundred pipelines of ten stages, beside `SELECT 1` and a route that asks nothing: `python -m bench.lists`."""

from __future__ import annotations

import argparse
import asyncio
import time

import psycopg

from adapters.persistence.connection.database_urls import libpq_url
from adapters.persistence.embedded.server import EmbeddedPostgres
from bench.support.http_load import LoadResult, get, run_load
from bench.support.measurements import Measurement, latency, print_measurements, print_progress, throughput
from bench.support.web_process import WebProcess, postgres_server, web_process

PIPELINES, STAGES, CLIENTS = 100, 10, 8


def main() -> None:
    arguments = _arguments()
    with postgres_server() as server, web_process(server) as web:
        print_measurements(measure(server, web, arguments.seconds))


def measure(server: EmbeddedPostgres, web: WebProcess, seconds: float = 3.0) -> list[Measurement]:
    """Every figure, after a round of each that is not counted."""
    run_id = _fill(web)
    tag = web.http.get("/pipelines/").headers["etag"]
    paths = {
        "GET /livez, 8 clients: what HTTP alone takes": get("/livez"),
        "GET /pipelines/, 100 × 10 stages, 8 clients": get("/pipelines/"),
        "GET /pipelines/ unchanged (304), 8 clients": get("/pipelines/", f"If-None-Match: {tag}\r\n"),
        "GET /runs/, 8 clients": get("/runs/"),
    }
    alone = {
        "/, one viewer": get("/"),
        "a pipeline's page, one viewer": get("/ui/pipelines/1"),
        "a run's page, one viewer": get(f"/ui/runs/{run_id}"),
    }
    limit = throughput("SELECT 1, 8 connections", asyncio.run(_select_one(server.url(), seconds)))
    figures = [limit]
    total = len(paths) + len(alone)
    for number, (name, request) in enumerate(paths.items()):
        print_progress("lists and pages", number, total)
        found = _asked(web, request, CLIENTS, seconds)
        figures.append(throughput(name, _per_second(found), limit, found.seconds))
    for number, (name, request) in enumerate(alone.items()):
        print_progress("lists and pages", len(paths) + number, total)
        figures.append(latency(name, _asked(web, request, 1, seconds).seconds))
    print_progress("lists and pages", total, total)
    return figures


def _fill(web: WebProcess) -> int:
    stages = [{"name": f"stage-{number}", "kind": "external"} for number in range(STAGES)]
    names = [f"pipeline-{number:03}" for number in range(PIPELINES)]
    for name in names:
        web.create_pipeline(name, stages)
        run_id = web.trigger(name)
    return run_id


def _asked(web: WebProcess, request: bytes, clients: int, seconds: float) -> LoadResult:
    run_load(web.port, lambda client, n: request, clients, seconds / 4)
    found = run_load(web.port, lambda client, n: request, clients, seconds)
    assert set(found.refused) <= {304}, found.refused
    return found


def _per_second(found: LoadResult) -> float:
    return (len(found.seconds) + found.refused.get(304, 0)) / found.elapsed


async def _select_one(url: str, seconds: float) -> float:
    """How many a second this process gets of the server by itself."""
    ends = time.perf_counter() + seconds

    async def ask() -> int:
        count = 0
        async with await psycopg.AsyncConnection.connect(libpq_url(url), autocommit=True) as connection:
            while time.perf_counter() < ends:
                await (await connection.execute("SELECT 1", prepare=True)).fetchone()
                count += 1
        return count

    return sum(await asyncio.gather(*(ask() for _ in range(CLIENTS)))) / seconds


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure lists and pages.")
    parser.add_argument("--seconds", type=float, default=3.0, help="seconds for each (3)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
