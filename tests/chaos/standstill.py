"""Runs beside a standstill: started before it, reported during it, and started after it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from domain.runs.status import TERMINAL
from entrypoints.web.view_models.report_commands import JOB, build_report_line
from tests.chaos.stack import Stack
from tests.support.waiting import wait_for

JOB_SECONDS, REPORT_TIMEOUT = 2.0, 3.0
"""Seconds that the reported job takes, and seconds to its stage's deadline. Both pass during a standstill."""
_NOTE_START = 'echo "$HEADGATE_RUN_ID $HEADGATE_STAGE $HEADGATE_ATTEMPT" >> "$STARTS"'
_COMPLETED, _FENCED, _EXPIRED = ("completed", None), ("lost", "fenced"), ("lost", None)


def create_pipelines(stack: Stack, seconds: float) -> None:
    """Create the pipelines of `check_standstill`. The first stage of those from before a standstill takes that many seconds.

    `steady` is not repeated, `fenced` only after a fence, and `resilient` also after a loss.
    """
    for name, keys in {"steady": {}, "fenced": {"retry_on_loss": True}, "resilient": {"retry_on_loss": True, "retries": 1}}.items():
        stack.create({"name": name, "stages": [_build_stage(stack, "a", seconds, keys), _build_stage(stack, "b", 0.5, keys)]})
        stack.create({"name": f"{name}-after", "stages": [_build_stage(stack, stage, 0.5, keys) for stage in "ab"]})
    stack.create({"name": "reported", "stages": [{"name": "a", "kind": "external", "timeout": REPORT_TIMEOUT}]})


def check_standstill(stack: Stack, stand_still: Callable[[], None], *, with_report: bool = False, is_silence_seen: bool = False) -> None:
    """Fail if anything that started after the standstill was ended, or if anything from before ended otherwise than it may.

    `with_report`: a job reports its end during the standstill, in which the stage's deadline passes. That report must count.
    `is_silence_seen`: a web that went on sees that workers are silent, and their leases may expire. An outage of Headgate does not count.
    """
    repeated = "resilient" if is_silence_seen else "fenced"
    during = [stack.trigger(name) for name in ("steady", repeated)]
    wait_for(lambda: all(_is_started(stack, run_id) for run_id in during), 30, stack.read_logs)

    with _reporting(stack) if with_report else nullcontext():
        stand_still()
        stack.wait_until_ready()
        after = [stack.trigger(f"{name}-after") for name in ("steady", repeated) for _ in range(2)]
        _wait_until_over(stack, *during, *after)

    for run_id in after:
        assert _get_ends(stack, run_id) == [_COMPLETED] * 2, stack.get(f"/runs/{run_id}/events")
    steady, ends = (_get_ends(stack, run_id) for run_id in during)
    assert steady == [_COMPLETED] * 2 or (is_silence_seen and steady[0] == _EXPIRED), stack.get(f"/runs/{during[0]}/events")
    allowed = {_COMPLETED, _FENCED, _EXPIRED} if is_silence_seen else {_COMPLETED, _FENCED}
    assert ends.count(_COMPLETED) == 2 and set(ends) <= allowed, stack.get(f"/runs/{during[1]}/events")
    starts = stack.starts_file.read_text().splitlines()
    assert len(starts) == len(set(starts))


def _wait_until_over(stack: Stack, *run_ids: int) -> None:
    for run_id in run_ids:
        wait_for(lambda run_id=run_id: stack.get(f"/runs/{run_id}")["status"] in TERMINAL, 60, stack.read_logs)  # type: ignore[misc]


@contextmanager
def _reporting(stack: Stack) -> Iterator[None]:
    """Run a job by the line that people paste. It has reported its start when the block begins, and reports its end soon after that.

    Fail if the run has not completed after the block.
    """
    line = build_report_line(f"{stack.urls[0]}/status-update/", "unused", "a").replace(JOB, f"sleep {JOB_SECONDS}")
    line = line.replace("-H 'Authorization: Bearer unused' ", "")
    line = line.replace('\\"stage_name\\"', '\\"pipeline_id\\": \\"reported\\", \\"stage_name\\"')
    line, started = f"{line}; date +%s.%N", time.time()
    job = subprocess.Popen(["sh", "-c", line], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        run_id = wait_for(lambda: _find_reported_run(stack), 10, stack.read_logs)
        yield
        said, _ = job.communicate(timeout=70)
        _wait_until_over(stack, run_id)
        assert _get_ends(stack, run_id) == [_COMPLETED], (said, stack.get(f"/runs/{run_id}/events"))
        assert float(said.split()[-1]) - started > REPORT_TIMEOUT, "the report was answered before the standstill"
    finally:
        job.kill()
        job.wait()


def _get_ends(stack: Stack, run_id: int) -> list[tuple[str, str | None]]:
    """Return the status and the reason of each attempt that has ended, in order."""
    events = stack.get(f"/runs/{run_id}/events")
    ended = [event for event in events if event["type"] == "stage.moved" and event["status"] in TERMINAL]
    return [(event["status"], event["data"].get("reason")) for event in ended]


def _build_stage(stack: Stack, name: str, seconds: float, keys: Mapping[str, Any]) -> dict[str, Any]:
    command = ["sh", "-c", f"{_NOTE_START}; sleep {seconds}"]
    return {"name": name, "kind": "command", "command": command, "env": {"STARTS": str(stack.starts_file)}, **keys}


def _find_reported_run(stack: Stack) -> int | None:
    """Return the open run of the reported pipeline, once its start was reported."""
    runs = [run for run in stack.get("/pipelines/reported/runs") if run["status"] == "running"]
    return int(runs[0]["id"]) if runs else None


def _is_started(stack: Stack, run_id: int) -> bool:
    return stack.starts_file.exists() and any(line.startswith(f"{run_id} ") for line in stack.starts_file.read_text().splitlines())
