"""Why the runs of a day happened or not."""

from typing import Annotated, Final

from fastapi import Query, Request
from starlette.responses import Response

from application.queries.explain_day.day_parsing import parse_asked_day
from application.queries.explain_day.entries import DayExplanation
from entrypoints.api.pipelines.dependencies import PipelineDep
from entrypoints.api.schedules.why_models import WhyResponse
from entrypoints.api.shared.dependencies import ApplicationDep
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.routing import create_router
from entrypoints.api.shared.streams import describe_text
from entrypoints.http.auth.permissions import READ, ResourceScope, requires
from entrypoints.http.json_response import JsonResponse

router = create_router("schedules")
TEXT_MEDIA_TYPE: Final = "text/plain"
Day = Annotated[
    str,
    Query(
        max_length=20,
        description="A date such as 2026-11-27, `today` or `yesterday`. It is the local day of each schedule's zone; `today` is that of the"
        " first schedule's.",
    ),
]


@router.get(
    "/pipelines/{pipeline_id}/why",
    summary="Explain the runs of a day",
    response_model=WhyResponse,
    responses={
        200: {"content": describe_text(TEXT_MEDIA_TYPE, "nightly: 03:00 skipped: #41 ran until 05:12\n")},
        **problems(404, 422, 503),
    },
)
@requires(READ, ResourceScope.PIPELINE)
async def explain_day(pipeline: PipelineDep, request: Request, application: ApplicationDep, day: Day = "today") -> Response:
    """Return the outcome of each run that the pipeline's schedules, or its expectations, had for a day: whether it was opened, and why not.
    Consecutive ticks with the same outcome are one entry. With `Accept: text/plain`, return the sentences only."""
    explain = application.explain_day()
    explanation = await explain(pipeline, parse_asked_day(day, explain.get_today(pipeline)))
    if TEXT_MEDIA_TYPE in request.headers.get("accept", ""):
        return Response(_format(explanation), media_type=f"{TEXT_MEDIA_TYPE}; charset=utf-8", headers={"Vary": "Accept"})
    return JsonResponse(WhyResponse.from_explanation(explanation).model_dump(by_alias=True), headers={"Vary": "Accept"})


def _format(explanation: DayExplanation) -> str:
    """Return a line for each entry."""
    return "".join(f"{entry.ticks.source}: {entry.sentence}\n" for entry in explanation.entries)
