"""Liveness and readiness probes."""

from datetime import datetime

from fastapi import Request

from application.ports.queries.reader import Reader, StoreProblem
from application.ports.system.disk_space import DiskSpace
from application.queries.explain.run_context_loader import WORKER_SEEN_WITHIN_SECONDS
from domain.errors import Unavailable
from entrypoints.api.shared.dependencies import ApplicationDep, ReaderDep, RunContextDep
from entrypoints.api.shared.plain_routes import describe_response
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.routing import ApiRoute, create_router
from entrypoints.api.system.models import LivenessResponse, ReadinessResponse, WorkerCountsResponse
from entrypoints.http.auth.permissions import AccessLevel, requires
from entrypoints.http.json_response import JsonResponse
from entrypoints.http.plain_route import PlainRoute
from entrypoints.http.problems import Problem, ProblemError
from entrypoints.http.readiness import STORE_PROBLEMS, NotReady

router = create_router("health", route_class=ApiRoute)
NO_WORKERS = WorkerCountsResponse(count=0, slots=0, free=0)


@requires(AccessLevel.PUBLIC)
async def livez(_: Request) -> JsonResponse:
    """Return 200 while the process responds. Nothing else is checked."""
    return JsonResponse({"status": "alive"})


PLAIN_ROUTES = (
    PlainRoute(
        "GET",
        "/livez",
        livez,
        tags=["health"],
        summary="Liveness",
        operation_id="livez",
        responses=describe_response(LivenessResponse, "The process is alive"),
    ),
)


@router.get("/readyz", summary="Readiness", responses=problems(503))
@requires(AccessLevel.PUBLIC)
async def readyz(request: Request, application: ApplicationDep, reader: ReaderDep, run_context_loader: RunContextDep) -> ReadinessResponse:
    """Return 200 if triggers are accepted, else 503 with the `reason`: `database_down`, `not_migrated`, `newer_schema`,
    `database_read_only`, `database_full`, `connecting`, `examples_pending`, `pipelines_pending` or `disk_low`. Prefect and the workers are
    reported, but do not affect the status. With `pipelines_pending`, `problems` counts the definitions to correct."""
    problem = await reader.find_problem()
    is_database_up = problem is not StoreProblem.DOWN
    can_read = is_database_up and problem is not StoreProblem.NOT_MIGRATED
    is_prefect_up = await run_context_loader.engine.is_reachable()
    workers = await _count_workers(reader, application.adapters.clock().now()) if can_read else NO_WORKERS
    not_ready = _find_obstacle(problem, request.app.state.why_not_ready, application.adapters.disk_space())
    if not_ready is not None:
        facts: dict[str, object] = {
            "reason": not_ready.reason,
            "database": "up" if is_database_up else "down",
            "prefect": "up" if is_prefect_up else "down",
            "workers": workers.model_dump(),
        }
        if not_ready.problems:
            facts["problems"] = not_ready.problems
        raise ProblemError(Problem(503, "unavailable", not_ready.sentence, facts=facts, headers={"Retry-After": "2"}))
    return ReadinessResponse(status="ready", database="up", prefect="up" if is_prefect_up else "down", workers=workers)


def _find_obstacle(problem: StoreProblem | None, starting: NotReady | None, disk_space: DiskSpace) -> NotReady | None:
    """Return the first reason for which triggers are refused; None if they are accepted."""
    if problem is not None:
        return NotReady(problem, STORE_PROBLEMS[problem])
    if starting is not None:
        return starting
    shortage = disk_space.shortage()
    return None if shortage is None else NotReady("disk_low", shortage)


async def _count_workers(reader: Reader, now: datetime) -> WorkerCountsResponse:
    """Count the workers that were seen lately. Those with a revoked or expired token are about to stop."""
    try:
        workers = [worker for worker in await reader.workers(None, WORKER_SEEN_WITHIN_SECONDS) if worker.has_valid_token(now)]
    except Unavailable:
        return NO_WORKERS
    return WorkerCountsResponse(
        count=len(workers), slots=sum(worker.slots for worker in workers), free=sum(worker.free for worker in workers)
    )
