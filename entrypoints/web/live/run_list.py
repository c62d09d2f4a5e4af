"""The list of all runs, narrowed as its address says, live."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from application.ports.queries.change_feed import ChangeBatch
from application.queries.views.runs import RunView
from domain.runs.events import EventType
from domain.runs.status import Status
from entrypoints.web.live.broadcaster import RenderedView, Tail
from entrypoints.web.lookups import find_pipeline
from entrypoints.web.page_context import PageContext
from entrypoints.web.templating import render
from entrypoints.web.time_zones import get_day_start, parse_day, parse_time_zone
from entrypoints.web.view_models.runs.run_list import build_run_items

PAGE_OF_RUNS = 50
MOST_PIPELINES = 1_000
LONGEST_NAME = 100
TRIGGERS = ("api", "cli", "dashboard", "report")
_SEEN = frozenset({EventType.RUN_OPENED, EventType.RUN_MOVED, EventType.RUN_REOPENED})


@dataclass(frozen=True, slots=True)
class RunListQuery:
    """Which runs: what cannot be understood in an address is passed over, so an old link still shows something. `pipeline` is a whole name
    (`pipeline_id` is then its id) or part of some (`pipeline_ids`); the days are those of `zone`, UTC when it is empty."""

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

    def query(self, **instead: object) -> dict[str, object]:
        kept: dict[str, object] = {
            "status": self.status.value if self.status else "",
            "pipeline": self.pipeline,
            "trigger": self.trigger,
            "since": self.since,
            "until": self.until,
            "zone": self.zone if self.since or self.until else "",
        }
        return {key: value for key, value in (kept | instead).items() if value}


async def parse_run_list_query(site: PageContext, query: Mapping[str, str]) -> RunListQuery:
    """A name that no pipeline has whole is looked for in all names."""
    name = query.get("pipeline", "").strip()
    only = await find_pipeline(site, name) if name else None
    some = await site.reader.pipeline_names(name, MOST_PIPELINES) if name and only is None else None
    status = query.get("status", "")
    return RunListQuery(
        status=Status(status) if status in list(Status) else None,
        pipeline_id=only.id if only else None,
        pipeline_ids=None if some is None else tuple(id for id, _ in some),
        pipeline=only.name if only else name[:LONGEST_NAME],
        trigger=query.get("trigger", "") if query.get("trigger", "") in TRIGGERS else "",
        since=parse_day(query.get("since", "")),
        until=parse_day(query.get("until", "")),
        zone=parse_time_zone(query.get("zone", "")),
        above=_id(query.get("above", "")),
        below=_id(query.get("below", "")),
    )


def _id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


async def find_runs(site: PageContext, asked: RunListQuery) -> tuple[list[RunView], bool]:
    """A page of runs, newest first, and whether there are more on the way it was turned."""
    found = await site.reader.runs(
        pipeline_id=asked.pipeline_id,
        pipeline_ids=asked.pipeline_ids,
        status=asked.status,
        skip=0,
        limit=PAGE_OF_RUNS + 1,
        above=asked.above,
        below=None if asked.above is not None else asked.below,
        trigger=asked.trigger or None,
        since=get_day_start(asked.since, asked.zone),
        until=get_day_start(asked.until, asked.zone, later=1),
    )
    more = len(found) > PAGE_OF_RUNS
    if asked.above is not None:
        return found[-PAGE_OF_RUNS:], more
    return found[:PAGE_OF_RUNS], more


class LiveRunList:
    def __init__(self, site: PageContext, asked: RunListQuery) -> None:
        self._site = site
        self._asked = asked

    def concerns(self, batch: ChangeBatch) -> tuple[bool, bool]:
        return any(event.type in _SEEN and self._may_show(event.pipeline_id) for event in batch.events), False

    def _may_show(self, pipeline_id: int) -> bool:
        some = self._asked.pipeline_ids
        return self._asked.pipeline_id in (None, pipeline_id) and (some is None or pipeline_id in some)

    def said(self, batch: ChangeBatch) -> str | None:
        return None

    async def tail(self, after: int) -> Tail:
        return Tail((), 0)

    async def render(self) -> RenderedView:
        runs, _ = await find_runs(self._site, self._asked)
        return self.render_runs(runs)

    def render_runs(self, runs: list[RunView]) -> RenderedView:
        rows = build_run_items(runs, self._site.now())
        digest = sha256(str([(run.id, run.status, run.last_seq) for run in runs]).encode()).hexdigest()[:12]
        return RenderedView(
            {"runs": str(render("live/runs.html", rows=rows, with_names=True, is_narrowed=bool(self._asked.query())))}, digest
        )
