"""Loading of the reasons why a pipeline's runs of a day happened or not."""

from application.queries.explain_day.day_parsing import parse_asked_day
from application.queries.views.pipelines import PipelineView
from domain.errors import InvalidInput
from entrypoints.web.page_context import PageContext
from entrypoints.web.view_models.schedules.why import WhySection, build_why_section


async def load_why_section(context: PageContext, pipeline: PipelineView, day: str) -> WhySection | None:
    """Return the section about a day, or about today if none is asked for. None if no run was ever expected and no day is asked for."""
    if not day and not pipeline.definition.schedules and not pipeline.definition.expect:
        return None
    today, problem = context.explain_day.get_today(pipeline), ""
    try:
        asked = parse_asked_day(day, today)
    except InvalidInput:
        asked, problem = today, "Choose a date such as 2026-11-27."
    return build_why_section(await context.explain_day(pipeline, asked), is_asked=bool(day) and not problem, problem=problem)
