"""Is the process alive, and does it accept triggers."""

from fastapi import APIRouter, Request

from application.ports.queries.reader import Reader
from application.queries.explain.run_context_loader import WORKER_SEEN_WITHIN_SECONDS
from domain.errors import Unavailable
from entrypoints.api.shared import examples
from entrypoints.api.shared.dependencies import ReaderDep, RunContextDep
from entrypoints.api.shared.openapi import answers
from entrypoints.api.shared.response_models import LivenessResponse, ReadinessResponse
from entrypoints.http.auth.permissions import AccessLevel, requires
from entrypoints.http.json_response import JsonResponse
from entrypoints.http.plain_route import PlainRoute
from entrypoints.http.problems import Problem, ProblemError

router = APIRouter(tags=["health"])
NO_WORKERS = {"count": 0, "slots": 0, "free": 0}


@requires(AccessLevel.PUBLIC)
async def livez(_: Request) -> JsonResponse:
    """Asks nothing of anything else."""
    return JsonResponse({"status": "alive"})


PLAIN_ROUTES = (
    PlainRoute(
        "GET",
        "/livez",
        livez,
        tags=["health"],
        summary="Is the process alive",
        operation_id="livez",
        responses=answers(200, LivenessResponse, examples.LIVE),
    ),
)


@router.get(
    "/readyz",
    summary="Are triggers accepted",
    operation_id="readyz",
    responses=answers(200, ReadinessResponse, examples.READY, problems=(503,)),
)
@requires(AccessLevel.PUBLIC)
async def readyz(request: Request, reader: ReaderDep, look_around: RunContextDep) -> JsonResponse:
    """200 when a trigger would be accepted. Prefect and the workers are named, and are never a reason for 503."""
    prefect = "up" if await look_around.engine.is_reachable() else "down"
    is_up = await reader.is_ready()
    facts = {"database": "up" if is_up else "down", "prefect": prefect, "workers": await _workers(reader) if is_up else NO_WORKERS}
    why_not = getattr(request.app.state, "why_not_ready", None) if is_up else "The database does not answer, or is not migrated."
    if why_not:
        raise ProblemError(Problem(503, "unavailable", why_not, facts=facts, headers={"Retry-After": "2"}))
    return JsonResponse({"status": "ready", **facts})


async def _workers(reader: Reader) -> dict[str, int]:
    try:
        workers = await reader.workers(None, WORKER_SEEN_WITHIN_SECONDS)
    except Unavailable:
        return NO_WORKERS
    return {"count": len(workers), "slots": sum(w.slots for w in workers), "free": sum(w.free for w in workers)}
