"""The query of the run list: which runs a URL selects."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.runs.status import Status
from entrypoints.web.lookups import find_pipeline
from entrypoints.web.page_context import PageContext
from entrypoints.web.time_zones import parse_day, parse_time_zone

MAX_PIPELINES = 1_000
MAX_NAME_LENGTH = 100
TRIGGERS = ("api", "backfill", "cli", "dashboard", "report", "schedule")


@dataclass(frozen=True, slots=True)
class RunListQuery:
    """Which runs to show.

    `pipeline` is a pipeline's name, then `pipeline_id` is set; or part of names, then `pipeline_ids` is set. Days are in `zone`, or in UTC
    if it is empty. `above` and `below` are run ids that bound the page.
    """

    status: Status | None = None
    pipeline_id: int | None = None
    pipeline_ids: tuple[int, ...] | None = None
    pipeline: str = ""
    trigger: str = ""
    since: str = ""
    until: str = ""
    zone: str = ""
    above: int | None = None
    below: int | None = None

    def to_parameters(self, **changes: object) -> dict[str, object]:
        """Return the query parameters of this query without its page, with changes applied and empty values left out."""
        parameters: dict[str, object] = {
            "status": self.status.value if self.status else "",
            "pipeline": self.pipeline,
            "trigger": self.trigger,
            "since": self.since,
            "until": self.until,
            "zone": self.zone if self.since or self.until else "",
        }
        return {key: value for key, value in (parameters | changes).items() if value}


async def parse_run_list_query(context: PageContext, parameters: Mapping[str, str]) -> RunListQuery:
    """Parse query parameters. Invalid values are ignored, so that old links keep working."""
    name = parameters.get("pipeline", "").strip()
    pipeline = await find_pipeline(context, name) if name else None
    matches = await context.reader.pipeline_names(name, MAX_PIPELINES) if name and pipeline is None else None
    status, trigger = parameters.get("status", ""), parameters.get("trigger", "")
    return RunListQuery(
        status=Status(status) if status in list(Status) else None,
        pipeline_id=pipeline.id if pipeline else None,
        pipeline_ids=None if matches is None else tuple(id for id, _ in matches),
        pipeline=pipeline.name if pipeline else name[:MAX_NAME_LENGTH],
        trigger=trigger if trigger in TRIGGERS else "",
        since=parse_day(parameters.get("since", "")),
        until=parse_day(parameters.get("until", "")),
        zone=parse_time_zone(parameters.get("zone", "")),
        above=_parse_run_id(parameters.get("above", "")),
        below=_parse_run_id(parameters.get("below", "")),
    )


def _parse_run_id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
