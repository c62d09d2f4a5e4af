"""Measure status updates per second, next to the same transaction in pgbench: `python -m bench.status`.

The baseline is pgbench with 8 clients on the same server. Its transaction is one SQL function that locks the run, updates the attempt and
the run, inserts the event and notifies. Headgate is measured over HTTP with 1, 8 and 64 clients, each reporting on its own run, and with
batches of 100 reports; every response follows its commit. The two alternate, so that noise affects both.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import orjson

from adapters.persistence.embedded.cluster import SUPERUSER
from adapters.persistence.embedded.server import EmbeddedPostgres
from bench.support.datadog_agent import run_datadog
from bench.support.http_load import LoadResult, get, post, run_load
from bench.support.measurements import Measurement, latency, print_measurements, print_progress, throughput
from bench.support.web_process import WebProcess, postgres_server, web_process

RUNS = 64
BATCH = 100
_FUNCTION = """
CREATE FUNCTION bench_report(this bigint, records bigint) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE found run%ROWTYPE; following integer;
BEGIN
    SELECT * INTO found FROM run WHERE id = this FOR NO KEY UPDATE;
    following := found.last_seq + 1;
    UPDATE attempt SET records_processed = records WHERE run_id = this AND position = 0 AND number = 1;
    UPDATE run SET last_seq = following, records_processed = records WHERE id = this;
    INSERT INTO event (run_id, seq, pipeline_id, type, at, stage, attempt, status, data)
        VALUES (this, following, found.pipeline_id, 'stage.progress', clock_timestamp(), 'first', 1, 'running',
                jsonb_build_object('records_processed', records));
    PERFORM pg_notify('bench', this::text);
    RETURN following;
END $$
"""


def main() -> None:
    arguments = _parse_arguments()
    with postgres_server() as server:
        with web_process(server) as web:
            measurements = measure(server, web, arguments.seconds, arguments.rounds)
        print_measurements(measurements + measure_with_datadog(server, arguments.seconds, arguments.rounds))


def measure(server: EmbeddedPostgres, web: WebProcess, seconds: float, rounds: int) -> list[Measurement]:
    """Alternate `rounds` times between pgbench and 64 clients, `seconds` each; then measure the other loads once."""
    web.create_pipeline("bench-status", [{"name": "first", "kind": "external"}, {"name": "second", "kind": "external"}])
    runs, baseline_runs = ([web.trigger("bench-status") for _ in range(RUNS)] for _ in range(2))
    for run_id in (*runs, *baseline_runs):
        body = {"run_id": run_id, "stage_name": "first", "status": "running"}
        web.http.post("/status-update/", json=body).raise_for_status()
    with server.connection("headgate") as connection:
        connection.execute(_FUNCTION)
    run_load(web.port, lambda client, n: _build_report(runs[client], n), RUNS, 2.0)
    limits: list[float] = []
    many: list[LoadResult] = []
    for number in range(rounds):
        print_progress("status updates, 64 clients and pgbench in turns", number, rounds)
        limits.append(_run_pgbench(server, baseline_runs, seconds))
        many.append(run_load(web.port, lambda client, n: _build_report(runs[client], n), RUNS, seconds))
    print_progress("status updates, 64 clients and pgbench in turns", rounds, rounds)
    few = run_load(web.port, lambda client, n: _build_report(runs[client], n), 8, seconds)
    one_client = run_load(web.port, lambda client, n: _build_report(runs[client], n), 1, seconds)
    batches = run_load(web.port, lambda client, n: _build_batch(runs, client, n), 4, seconds)
    livez = run_load(web.port, lambda client, n: get("/livez"), RUNS, seconds)
    for result in (*many, few, one_client, batches, livez):
        assert not result.refused, result.refused
    limit = throughput("pgbench, 8 clients, one function and NOTIFY", statistics.median(limits))
    return [
        latency("a commit of one row's change, 1 connection: what the disk takes", _time_commits(server, baseline_runs)),
        limit,
        throughput("POST /status-update/, 64 clients", statistics.median(each.per_second for each in many), limit, many[-1].seconds),
        throughput("POST /status-update/, 8 clients", few.per_second, limit, few.seconds),
        throughput("POST /status-update/, 1 client", one_client.per_second, limit, one_client.seconds),
        latency("POST /status-update/, 1 client, until answered", one_client.seconds),
        throughput("POST /status-update/batch of 100, updates", batches.per_second * BATCH, limit, batches.seconds),
        throughput("GET /livez, 64 clients: what HTTP alone takes", livez.per_second, None, livez.seconds),
    ]


def measure_with_datadog(server: EmbeddedPostgres, seconds: float, rounds: int) -> list[Measurement]:
    """Alternate between pgbench and 64 clients of a web process that sends traces and metrics. `measure` must have run before."""
    with run_datadog() as environment, web_process(server, environment) as web:
        runs, baseline_runs = ([web.trigger("bench-status") for _ in range(RUNS)] for _ in range(2))
        for run_id in (*runs, *baseline_runs):
            body = {"run_id": run_id, "stage_name": "first", "status": "running"}
            web.http.post("/status-update/", json=body).raise_for_status()
        limits, results = [], []
        for _ in range(rounds):
            limits.append(_run_pgbench(server, baseline_runs, seconds))
            results.append(run_load(web.port, lambda client, n: _build_report(runs[client], n), RUNS, seconds))
        assert not any(result.refused for result in results)
    limit = throughput("pgbench, 8 clients, while Datadog is measured", statistics.median(limits))
    rate = statistics.median(result.per_second for result in results)
    return [limit, throughput("POST /status-update/, 64 clients, Datadog on", rate, limit, results[-1].seconds)]


def _time_commits(server: EmbeddedPostgres, runs: list[int]) -> list[float]:
    """Return the seconds of each of a hundred transactions that update one row."""
    samples = []
    with server.connection("headgate") as connection:
        for number in range(100):
            started = time.perf_counter()
            connection.execute("UPDATE run SET records_processed = %s WHERE id = %s", [number, runs[number % RUNS]])
            samples.append(time.perf_counter() - started)
    return samples


def _build_report(run_id: int, number: int) -> bytes:
    body = {"run_id": run_id, "pipeline_id": "bench-status", "stage_name": "first", "status": "running", "records_processed": number}
    return post("/status-update/", orjson.dumps(body))


def _build_batch(runs: list[int], client: int, number: int) -> bytes:
    items = [
        {
            "run_id": runs[position % 16 * 4 + client],
            "stage_name": "second",
            "status": "running",
            "records_processed": (number * BATCH + position) * 8 + client,
        }
        for position in range(BATCH)
    ]
    return post("/status-update/batch", orjson.dumps({"updates": items}))


def _run_pgbench(server: EmbeddedPostgres, runs: list[int], seconds: float) -> float:
    """Return pgbench's transactions per second."""
    placement = server.paths
    assert placement is not None
    with tempfile.NamedTemporaryFile("w", suffix=".sql", dir="/tmp") as script:
        script.write(
            f"\\set this random({min(runs)}, {max(runs)})\n\\set records random(1, 1000000)\nSELECT bench_report(:this, :records);\n"
        )
        script.flush()
        Path(script.name).chmod(0o644)
        argv = [str(placement.binaries / "pgbench"), "-h", str(placement.socket.parent), "-U", SUPERUSER, "-n", "-M", "prepared"]
        argv += ["-c", "8", "-j", "2", "-T", str(max(1, round(seconds))), "-f", script.name, "headgate"]
        password = placement.password_file.read_text().strip()
        completed = subprocess.run(argv, env=os.environ | {"PGPASSWORD": password}, capture_output=True, text=True, check=True)
    match = re.search(r"tps = ([\d.]+)", completed.stdout)
    assert match, completed.stdout
    return float(match[1])


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure status updates next to pgbench.")
    parser.add_argument("--seconds", type=float, default=4.0, help="seconds per turn (default: 4)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default: 3)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
