"""Measure lists and pages of 100 pipelines of ten stages, next to `SELECT 1` and a route without a query. `python -m bench.lists`"""

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
    arguments = _parse_arguments()
    with postgres_server() as server, web_process(server) as web:
        print_measurements(measure(server, web, arguments.seconds))


def measure(server: EmbeddedPostgres, web: WebProcess, seconds: float = 3.0) -> list[Measurement]:
    """Measure each path after a warm-up of it."""
    run_id = _create_pipelines(web)
    etag = web.http.get("/pipelines/").headers["etag"]
    paths = {
        "GET /livez, 8 clients: what HTTP alone takes": get("/livez"),
        "GET /pipelines/, 100 × 10 stages, 8 clients": get("/pipelines/"),
        "GET /pipelines/ unchanged (304), 8 clients": get("/pipelines/", f"If-None-Match: {etag}\r\n"),
        "GET /runs/, 8 clients": get("/runs/"),
    }
    pages = {
        "/, one viewer": get("/"),
        "a pipeline's page, one viewer": get("/ui/pipelines/1"),
        "a run's page, one viewer": get(f"/ui/runs/{run_id}"),
    }
    limit = throughput("SELECT 1, 8 connections", asyncio.run(_select_one(server.url(), seconds)))
    measurements = [limit]
    total = len(paths) + len(pages)
    for number, (name, request) in enumerate(paths.items()):
        print_progress("lists and pages", number, total)
        result = _measure_path(web, request, CLIENTS, seconds)
        measurements.append(throughput(name, _get_rate(result), limit, result.seconds))
    for number, (name, request) in enumerate(pages.items()):
        print_progress("lists and pages", len(paths) + number, total)
        measurements.append(latency(name, _measure_path(web, request, 1, seconds).seconds))
    print_progress("lists and pages", total, total)
    return measurements


def _create_pipelines(web: WebProcess) -> int:
    stages = [{"name": f"stage-{number}", "kind": "external"} for number in range(STAGES)]
    names = [f"pipeline-{number:03}" for number in range(PIPELINES)]
    for name in names:
        web.create_pipeline(name, stages)
        run_id = web.trigger(name)
    return run_id


def _measure_path(web: WebProcess, request: bytes, clients: int, seconds: float) -> LoadResult:
    run_load(web.port, lambda client, n: request, clients, seconds / 4)
    result = run_load(web.port, lambda client, n: request, clients, seconds)
    assert set(result.refused) <= {304}, result.refused
    return result


def _get_rate(result: LoadResult) -> float:
    return (len(result.seconds) + result.refused.get(304, 0)) / result.elapsed


async def _select_one(url: str, seconds: float) -> float:
    """Return the queries per second that this process can send to the server without Headgate."""
    deadline = time.perf_counter() + seconds

    async def send_queries() -> int:
        count = 0
        async with await psycopg.AsyncConnection.connect(libpq_url(url), autocommit=True) as connection:
            while time.perf_counter() < deadline:
                await (await connection.execute("SELECT 1", prepare=True)).fetchone()
                count += 1
        return count

    return sum(await asyncio.gather(*(send_queries() for _ in range(CLIENTS)))) / seconds


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure lists and pages.")
    parser.add_argument("--seconds", type=float, default=3.0, help="seconds per path (default: 3)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
