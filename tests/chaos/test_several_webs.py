"""A worker that knows several webs loses no work when one of them dies and stays away."""

from __future__ import annotations

from tests.chaos.pipelines import build_definitions
from tests.chaos.stack import chaos_stack
from tests.support.waiting import wait_for


def test_stages_that_end_while_their_web_is_gone_are_reported_to_the_other() -> None:
    with chaos_stack(webs=2, workers=0, with_prefect=False, HEADGATE_LEASE_SECONDS="20", HEADGATE_HEARTBEAT_SECONDS="5") as stack:
        for definition in build_definitions(stack.starts_file):
            stack.create(definition)
        worker = stack.build_worker("roaming", 1, HEADGATE_WEB_URLS=",".join(reversed(stack.urls)))
        stack.workers.append(worker)
        worker.start()
        stack.wait_until_ready()
        runs = [stack.trigger("fragile") for _ in range(3)]
        wait_for(lambda: len(stack.find_stages(worker)) == len(runs), 60, stack.read_logs)

        stack.webs[1].kill()

        wait_for(lambda: all(stack.get(f"/runs/{run}")["status"] == "completed" for run in runs), 90, stack.read_logs)
        later = stack.trigger("fragile")
        wait_for(lambda: stack.get(f"/runs/{later}")["status"] == "completed", 90, stack.read_logs)
        for run in runs:
            assert [(stage["status"], stage["attempt"]) for stage in stack.get(f"/runs/{run}/stages")] == [("completed", 1)] * 3
        starts = stack.starts_file.read_text().splitlines()
        assert len(starts) == len(set(starts)) == 3 * (len(runs) + 1)
