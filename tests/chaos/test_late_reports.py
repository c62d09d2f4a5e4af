"""Reports of a worker that was silent for longer than its lease change nothing and are recorded."""

from __future__ import annotations

import asyncio
import signal

from tests.chaos.process import wait_until_gone
from tests.chaos.stack import LEASE, Stack
from tests.support.waiting import wait_for

_LATE = ("report.late", "report.refused")


def test_late_reports_are_refused_and_recorded_and_the_stages_end(stack: Stack, run: asyncio.Runner) -> None:
    stack.create({"name": "late", "stages": [_build_sleeping_stage("short", 1.5), _build_sleeping_stage("long", 60)]})
    run_id = stack.trigger("late")
    worker = wait_for(lambda: next((each for each in stack.workers if len(stack.find_stages(each)) == 2), None), 20)
    stages = stack.find_stages(worker)

    worker.signal(signal.SIGSTOP)
    try:
        wait_for(lambda: stack.get(f"/runs/{run_id}")["status"] == "lost", 6 * LEASE)
    finally:
        worker.signal(signal.SIGCONT)

    late = wait_for(
        lambda: [event for event in stack.get(f"/runs/{run_id}/events") if event["type"] in ("report.late", "report.refused")], 20
    )
    assert {(event["stage"], event["attempt"]) for event in late} == {("short", 1)}
    assert all(wait_until_gone(pid, 5) for pid in stages)
    assert {stage["status"] for stage in stack.get(f"/runs/{run_id}/stages")} == {"lost"}
    page = stack.get_page(f"/ui/runs/{run_id}")
    assert "not hold" in page or "refused" in page, page


def _build_sleeping_stage(name: str, seconds: float) -> dict[str, object]:
    return {"name": name, "kind": "command", "command": ["sh", "-c", f"exec sleep {seconds}"], "needs": []}
