"""Whether other machines run a pipeline when they are expected to."""

import asyncio
from typing import Final

from entrypoints.api.pipelines.dependencies import PipelineDep
from entrypoints.api.schedules.expectation_models import ExpectationStatusResponse
from entrypoints.api.shared.dependencies import ApplicationDep, ReaderDep
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.routing import create_router
from entrypoints.http.auth.permissions import READ, ResourceScope, requires

router = create_router("schedules")
JUDGED_RUNS: Final = 50
SHOWN_TICKS: Final = 20


@router.get("/pipelines/{pipeline_id}/expectations", summary="List the expectations of a pipeline", responses=problems(404, 422, 503))
@requires(READ, ResourceScope.PIPELINE)
async def list_expectations(pipeline: PipelineDep, reader: ReaderDep, application: ApplicationDep) -> list[ExpectationStatusResponse]:
    """Return the expectations of a pipeline that other machines run, and the last 20 ticks of each. A tick is `missed` if no run started
    by the end of its grace period, and `late` once one starts after that. A new revision starts from scratch."""
    if not pipeline.definition.expect:
        return []
    runs = await reader.runs(pipeline_id=pipeline.id, status=None, skip=0, limit=JUDGED_RUNS)
    adapters, judge, is_complete = application.adapters, application.judge_expectations(), len(runs) < JUDGED_RUNS
    now, explain = adapters.clock().now(), adapters.cron_expressions().explain

    def judge_all() -> list[ExpectationStatusResponse]:
        return [
            ExpectationStatusResponse.from_status(
                status, judge.list_ticks(status.expectation, pipeline, runs, now, SHOWN_TICKS, is_complete=is_complete), explain
            )
            for status in judge.judge(pipeline, runs, now)
        ]

    return await asyncio.to_thread(judge_all)
