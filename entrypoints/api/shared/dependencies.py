"""What every route asks of a request: the container, the body, the caller's token, the page it wants."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel, BeforeValidator, ValidationError, WithJsonSchema

from application.ports.access.execution_tokens import AttemptClaims, WorkerClaims
from application.ports.persistence.pipelines import PipelineRef
from application.ports.queries.reader import Reader
from application.queries.explain.orchestrator_health import OrchestratorHealth
from application.queries.explain.run_context_loader import RunContextLoader
from domain.access.actor import Actor
from domain.errors import InvalidInput, NotFound
from domain.runs.status import Status
from entrypoints.api.shared.request_models import parse_timestamp
from entrypoints.container import Application
from entrypoints.http import strict_json
from entrypoints.http.auth.caller import get_actor, get_claims
from entrypoints.http.ids import MAX_ID, parse_id
from entrypoints.http.middleware.body_limit import get_body
from entrypoints.http.problems import to_field_problems
from entrypoints.http.streaming.event_stream import SSE_MEDIA_TYPE

Model = TypeVar("Model", bound=BaseModel)


def get_application(request: Request) -> Application:
    """Return the application of a plain route's request; other routes take it as the dependency `ApplicationDep`."""
    found: Application = request.app.state.application
    return found


async def application(request: Request) -> Application:
    return get_application(request)


async def reader(request: Request) -> Reader:
    found: Reader = request.app.state.application.adapters.reader()
    return found


async def look_around(request: Request) -> RunContextLoader:
    """Made at the first question: the adapters may not be there yet when the application is made."""
    state = request.app.state
    if state.look_around is None:
        application = state.application
        adapters = application.adapters
        engine = OrchestratorHealth(adapters.orchestrator(), adapters.clock())
        state.look_around = RunContextLoader(adapters.reader(), adapters.clock(), engine, application.warm_pools())
    found: RunContextLoader = state.look_around
    return found


async def parse_json_body(request: Request) -> Any:
    """The body as JSON, every value checked."""
    return strict_json.read(await get_body(request))


async def claims(request: Request) -> AttemptClaims | WorkerClaims | None:
    """What a worker's or an attempt's token is good for; None for any other caller."""
    return get_claims(request)


async def person(request: Request) -> Actor:
    """Who acts."""
    return get_actor(request)


ApplicationDep = Annotated[Application, Depends(application)]
ReaderDep = Annotated[Reader, Depends(reader)]
RunContextDep = Annotated[RunContextLoader, Depends(look_around)]
JsonBody = Annotated[Any, Depends(parse_json_body)]
ActorDep = Annotated[Actor, Depends(person)]
Claims = Annotated[AttemptClaims | WorkerClaims | None, Depends(claims)]
Skip = Annotated[int, Query(ge=0, le=MAX_ID, description="How many to pass over.")]
RunSkip = Annotated[int, Query(ge=0, le=10_000, description="How many to pass over; `Link` leads further, at the same cost at any depth.")]
Limit = Annotated[int, Query(ge=1, le=1_000, description="How many at most.")]
TriggerFilter = Annotated[Literal["dashboard", "api", "cli", "report"] | None, Query(description="Only runs that were opened so.")]
_Timestamp = Annotated[datetime | None, BeforeValidator(parse_timestamp), WithJsonSchema({"type": "string", "format": "date-time"})]
StatusFilter = Annotated[
    str | None,
    WithJsonSchema({"type": "string", "enum": [status.value for status in Status]}),
    Query(description="Only runs that stand so."),
]
Since = Annotated[_Timestamp, Query(description="Only runs opened at that time or later.")]
Until = Annotated[_Timestamp, Query(description="Only runs opened before that time.")]
After = Annotated[int | None, Query(ge=0, le=MAX_ID, description="Only what comes after this one.")]


def validate(shape: type[Model], raw: Any) -> Model:
    """The body in its shape. InvalidInput naming every field at fault."""
    try:
        return shape.model_validate(raw)
    except ValidationError as error:
        raise InvalidInput(to_field_problems(error)) from None


def parse_pipeline_ref(text: str) -> PipelineRef:
    """An id or a name, as it stands in an address. NotFound when it can be neither."""
    if (number := parse_id(text)) is not None:
        return number
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9._-]{0,99}", text):
        raise NotFound("pipeline", text)
    return text


def run_id(text: str) -> int:
    """A run's id, as it stands in an address. NotFound when it cannot be one."""
    number = parse_id(text)
    if number is None:
        raise NotFound("run", text)
    return number


def get_trigger_kind(request: Request) -> str:
    """Which client triggers, by the name it gives itself."""
    return "cli" if request.headers.get("user-agent", "").startswith("headgate-cli") else "api"


def accepts_sse(request: Request) -> bool:
    return SSE_MEDIA_TYPE in request.headers.get("accept", "")


def get_last_event_id(request: Request) -> str | None:
    return request.headers.get("last-event-id") or None
