"""A board like that of a real team: every status once, branches, retries, a long log, a form."""

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from application.commands.access.create_token import NewToken
from application.ports.persistence.pipelines import StoredPipeline
from domain.access.actor import Actor
from domain.access.api_tokens import TokenKind
from domain.access.permissions import Role, Scope
from domain.backfills.request import BackfillRequest
from domain.backfills.tick import BackfillTickState
from domain.pipelines.serialization import serialize_pipeline
from domain.runs.approvals import Decision, decide_approval
from domain.runs.run import Run
from domain.runs.status import Status
from domain.schedules.tick import TickState
from tests.support.builders import a_stage
from tests.support.example_alerts import furnish_alerts
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import AttemptStory, end, start

FLIGHTS_LOG = [
    "%attempt 1 of 3 on worker-1, time limit 2 m, pid 48112",
    "%$ python -m examples.flights.transform --by month,carrier",
    "reading \x1b[35mprocess/flights.parquet\x1b[0m, written 0.4 s ago by process",
    "\x1b[36mpolars\x1b[0m 1.39.0, 2 threads, 327,346 rows × 19 columns in 41.2 MB",
    "!\x1b[1;33mwarning\x1b[0m 8,255 flights have no departure time: cancelled, left out",
    "!\x1b[1;33mwarning\x1b[0m tailnum is missing for 2,512 flights: kept, not joined with planes",
    "\x1b[32m✓\x1b[0m joined \x1b[1mplanes\x1b[0m    3,322 rows on tailnum      \x1b[2m0.36 s\x1b[0m",
    "\x1b[32m✓\x1b[0m joined \x1b[1mweather\x1b[0m 26,115 rows on origin, hour \x1b[2m0.57 s\x1b[0m",
    "grouping by month and carrier, 12 × 16 groups, one month at a time",
    "month   flights  mean arrival delay",
    *(
        f" {m:2} {n}  {f:6,}  \x1b[33m{d:5.1f} min\x1b[0m  \x1b[34m{'━' * int(d)}\x1b[0m"
        for m, n, f, d in (
            (1, "Jan", 27_004, 6.1),
            (2, "Feb", 24_951, 5.6),
            (3, "Mar", 28_834, 5.8),
            (4, "Apr", 28_330, 11.2),
            (5, "May", 28_796, 3.5),
            (6, "Jun", 28_243, 16.5),
            (7, "Jul", 29_425, 16.7),
            (8, "Aug", 29_327, 6.0),
        )
    ),
]
MONTH = {"type": "integer", "minimum": 1, "maximum": 12, "description": "the month to load"}
CARRIERS = {"enum": ["all", "UA", "DL", "B6"], "default": "all"}


async def furnish(headgate: InProcessHeadgate) -> dict[str, int]:
    """Fill the board and return, by pipeline, the id of the run to look at."""
    now = headgate.fakes.clock.now()
    chance = Random(7)
    found: dict[str, int] = {}
    await headgate.stories.add_worker()
    for name, words, length in (
        ("backup", "Nightly pg_dump of nine databases to object storage, restored and compared", 690),
        ("invoices", "Render, sign and send yesterday’s invoices", 268),
        ("planes-registry", "Match 3,322 aircraft with the public registry", 48),
        ("sensor-rollup", "Five-minute averages of 12,400 sensors", 6),
        ("transcripts", "Speech to text for support calls, billed by the minute", 577),
    ):
        pipeline = await headgate.stories.add_pipeline(name, ["fetch", "work", "store"], description=words)
        await _history(headgate, pipeline, now, chance, length, 20)
    await headgate.stories.add_pipeline("legacy-crm-sync", ["pull", "push"], description="")
    found["flights"] = await _flights(headgate, now, chance)
    found["nightly-warehouse"] = await _warehouse(headgate, now, chance)
    found["certificates"] = await _certificates(headgate, now, chance)
    found["model-retrain"] = await _approval(headgate, now, chance)
    await _lost_cancelled_queued_retried(headgate, now, chance)
    await _schedules(headgate, now)
    await _backfill(headgate, now)
    await furnish_alerts(headgate, found)
    return found


async def _backfill(headgate: InProcessHeadgate, now: datetime) -> None:
    """A backfill of the nightly exports, half-way, with ticks in every state. It opens no run: its ticks name earlier ones."""
    first, last = now - timedelta(days=60), now - timedelta(days=21)
    request = BackfillRequest(f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}", schedule="nightly", parallel=4)
    result = await headgate.application.start_backfill()("exports", request, Actor("ada"))
    tables = headgate.fakes.store.committed
    ended = [id for id, run in tables.runs.items() if run.pipeline_id == result.pipeline_id and run.status is Status.COMPLETED]
    states = ["completed"] * 14 + ["failed", "skipped", "cancelled"] + ["running"] * 2
    moves = []
    for position, name in enumerate(states, 1):
        tick = tables.backfill_ticks[result.backfill_id, position]
        changed = replace(tick, state=BackfillTickState(name), run_id=ended[position % len(ended)] if name != "skipped" else None)
        tables.backfill_ticks[result.backfill_id, position] = changed
        moves.append((tick.state, changed.state))
    tables.backfills[result.backfill_id] = tables.backfills[result.backfill_id].advance(moves, now)


async def _schedules(headgate: InProcessHeadgate, now: datetime) -> None:
    """Pipelines with schedules: nightly with every state of a tick, frequent, and paused."""
    stories = headgate.schedule_stories
    nightly = {"name": "nightly", "cron": "30 2 * * *", "timezone": "Europe/Berlin", "jitter": "2m", "skip": ["2026-12-25"]}
    hourly = {"name": "hourly", "every": "1h", "offset": "10m", "overlap": "queue_one"}
    exports = await headgate.stories.add_pipeline(
        "exports", ["dump"], description="Dump orders for the auditors", schedules=[nightly, hourly]
    )
    await stories.add(exports)
    story = [Status.COMPLETED] * 12 + [
        TickState.MISSED,
        TickState.LATE,
        Status.FAILED,
        TickState.SKIPPED,
        TickState.PAUSED,
        Status.COMPLETED,
    ]
    await stories.play_ticks(exports, "nightly", now - timedelta(days=len(story)), *story)
    await stories.play_ticks(exports, "hourly", now - timedelta(hours=9), *[Status.COMPLETED] * 8, TickState.WAITING)
    frequent = {"name": "rollup", "every": "5m"}
    rollup = await headgate.stories.add_pipeline("rollup", ["add"], description="Five-minute sums", schedules=[frequent])
    await stories.add(rollup)
    await stories.play_ticks(rollup, "rollup", now - timedelta(hours=3), *[Status.COMPLETED] * 35)
    weekly = await headgate.stories.add_pipeline("weekly-report", ["send"], schedules=[{"name": "mondays", "cron": "0 7 * * MON"}])
    await stories.add(weekly)
    await stories.pause(weekly, "mondays", "mara")


async def revise(headgate: InProcessHeadgate) -> None:
    """Two more revisions of the warehouse, so that there is something to compare."""
    change = headgate.application.change_pipeline()
    found = await headgate.fakes.reader.pipeline("nightly-warehouse")
    assert found is not None
    raw = serialize_pipeline(found.definition)
    raw["stages"][6] |= {"timeout": 900, "env": {"BATCH": "20000"}}
    await change("nightly-warehouse", raw)
    raw["stages"][2] |= {"retries": 2, "retry_on_loss": True}
    raw["description"] = raw["description"].replace("publish the marts", "publish the marts by 06:00")
    await change("nightly-warehouse", raw)


async def _history(headgate: InProcessHeadgate, pipeline: StoredPipeline, now: datetime, chance: Random, length: float, count: int) -> None:
    names = [stage.name for stage in pipeline.definition.stages]
    for index in range(count):
        begin = now - timedelta(hours=3 + 24 * (count - index))
        share = [length / len(names) * chance.uniform(0.75, 1.15) for _ in names]
        story = {name: [AttemptStory(part, records=int(part * 1_000))] for name, part in zip(names, share, strict=True)}
        if chance.random() < 0.08:
            broken = chance.choice(names)
            story = dict(list(story.items())[: names.index(broken)])
            story[broken] = [AttemptStory(length / 9, Status.FAILED, error="HTTP 503 from the source")] * (
                pipeline.definition.stage(broken).retries + 1
            )  # type: ignore[union-attr]
        await headgate.stories.play_run(pipeline, begin, story)


async def _flights(headgate: InProcessHeadgate, now: datetime, chance: Random) -> int:
    stages = [
        a_stage("extract", "python", retries=2, retry_delay=5),
        a_stage("ingest", "python"),
        a_stage("process"),
        a_stage("transform", "python", retries=2),
        a_stage("export"),
    ]
    parameters = {"type": "object", "properties": {"month": MONTH, "carrier": CARRIERS}, "required": ["month"]}
    pipeline = await headgate.stories.add_pipeline(
        "flights", stages, description="Delays of 336,776 real flights", parameters=parameters, tags=["python"]
    )
    await _history(headgate, pipeline, now, chance, 93, 19)
    story = {
        "extract": [AttemptStory(9, Status.FAILED, error="HTTP 503"), AttemptStory(17, records=336_776)],
        "ingest": [AttemptStory(22, records=336_776)],
        "process": [AttemptStory(22, queues=6, records=327_346)],
        "transform": [AttemptStory(0, None, records=224_910)],
    }
    begin = now - timedelta(seconds=112)
    run_id = await headgate.stories.play_run(pipeline, begin, story, month=3, carrier="all")
    for index, stage in enumerate(("extract", "ingest", "process")):
        attempt = 2 if stage == "extract" else 1
        await headgate.stories.append_log(
            run_id, stage, [f"{stage} line {n}" for n in range(32)], attempt=attempt, at=begin + timedelta(seconds=20 * index)
        )
    await headgate.stories.append_log(run_id, "transform", FLIGHTS_LOG, at=now - timedelta(seconds=31))
    return run_id


async def _warehouse(headgate: InProcessHeadgate, now: datetime, chance: Random) -> int:
    def stage(name: str, *needs: str, **keys: object) -> dict[str, object]:
        return a_stage(name, needs=list(needs), **keys)

    stages = [
        stage("copy-orders"),
        stage("copy-customers"),
        stage("copy-events", retries=1),
        stage("dim-product", "copy-orders"),
        stage("dim-customer", "copy-customers"),
        stage("sessionize", "copy-events"),
        stage("fact-orders", "dim-product", "dim-customer", "copy-orders", retries=2),
        stage("fact-sessions", "dim-customer", "sessionize"),
        stage("quality-checks", "fact-orders", "fact-sessions"),
        stage("publish-marts", "quality-checks"),
        stage("notify", "publish-marts", "copy-events", when="always"),
    ]
    words = "Copy orders, customers and events, build dimensions and facts, check them, publish the marts."
    pipeline = await headgate.stories.add_pipeline("nightly-warehouse", stages, description=words, parallelism=4, tags=["warehouse", "sql"])
    await _history(headgate, pipeline, now, chance, 860, 26)
    wrong = 'psycopg.errors.UniqueViolation: duplicate key value violates unique constraint "fact_orders_pkey"\n'
    wrong += "DETAIL:  Key (order_id)=(88213407) already exists."
    story = {
        "copy-orders": [AttemptStory(192, records=1_284_902)],
        "copy-customers": [AttemptStory(64, records=412_077)],
        "copy-events": [AttemptStory(100, Status.FAILED, error="connection reset"), AttemptStory(301, records=9_841_330)],
        "dim-product": [AttemptStory(22, records=38_114)],
        "dim-customer": [AttemptStory(48, records=412_077)],
        "sessionize": [AttemptStory(250, records=2_206_518)],
        "fact-orders": [AttemptStory(140, Status.FAILED, error=wrong)] * 3,
        "fact-sessions": [AttemptStory(151, records=2_206_518)],
        "notify": [AttemptStory(1)],
    }
    run_id = await headgate.stories.play_run(pipeline, now - timedelta(hours=8), story)
    lines = ["%$ ./sql/run.sh fact_orders.sql", *(f"batch {n:2} of 65  20,000 rows  \x1b[32mmerged\x1b[0m" for n in range(1, 30))]
    await headgate.stories.append_log(
        run_id, "fact-orders", [*lines, f"!\x1b[31m{wrong.splitlines()[0]}\x1b[0m", '!  File "/srv/run.py", line 118'], attempt=3
    )
    return run_id


async def _certificates(headgate: InProcessHeadgate, now: datetime, chance: Random) -> int:
    stages = [a_stage("order"), a_stage("renew-edge-fra", "external"), a_stage("renew-edge-sin", "external")]
    pipeline = await headgate.stories.add_pipeline("certificates", stages, description="Renew what expires within 30 days")
    begin = now - timedelta(minutes=23)
    return await headgate.stories.play_run(pipeline, begin, {"order": [AttemptStory(41)], "renew-edge-fra": [AttemptStory(600)]})


async def _approval(headgate: InProcessHeadgate, now: datetime, chance: Random) -> int:
    fields = {
        "type": "object",
        "properties": {"share": {"type": "integer", "minimum": 1, "maximum": 100, "default": 10, "description": "percent of the traffic"}},
    }
    question = "Publish the delay model of 24 November to production?"
    stages = [
        a_stage("train"),
        a_stage("evaluate", needs=["train"]),
        a_stage("publish", "approval", needs=["evaluate"], message=question, approvers=["mara", "deniz"], timeout=28_800, fields=fields),
        a_stage("notify", needs=["publish"]),
    ]
    pipeline = await headgate.stories.add_pipeline("model-retrain", stages, description="Train the delay model on last week’s flights")
    begin = now - timedelta(minutes=80)
    story = {"train": [AttemptStory(2_460, records=327_346)], "evaluate": [AttemptStory(31, records=65_469)]}
    for days, who, decision in (
        (21, "mara", Decision(False, "Leaks arrival time into the features.")),
        (14, "mara", Decision(True, "Same as last week, new planes.")),
        (7, "deniz", Decision(True, "Better everywhere.")),
    ):
        earlier = await headgate.stories.play_run(pipeline, begin - timedelta(days=days), story)
        await headgate.stories.change_run(earlier, *_decided(decision, Actor(who), begin - timedelta(days=days) + timedelta(minutes=53)))
    return await headgate.stories.play_run(pipeline, begin, story)


def _decided(decision: Decision, who: Actor, at: datetime) -> list[object]:
    """What happens to the run from then on."""
    decides: list[object] = [lambda run: decide_approval(run, "publish", decision, at, who)]
    return [*decides, lambda run: start(run, at), end("notify", Status.COMPLETED, at)] if decision.approves else decides


async def _lost_cancelled_queued_retried(headgate: InProcessHeadgate, now: datetime, chance: Random) -> None:
    tiles = await headgate.stories.add_pipeline("geo-tiles", ["render-z10", "render-z12"], description="Vector tiles")
    await _history(headgate, tiles, now, chance, 5_500, 12)
    lost = await headgate.stories.play_run(
        tiles, now - timedelta(minutes=84), {"render-z10": [AttemptStory(900)], "render-z12": [AttemptStory(0, None)]}
    )
    await headgate.stories.change_run(lost, lambda run: run.lose_dispatch(run.dispatch.epoch, now - timedelta(minutes=36)))
    docs = await headgate.stories.add_pipeline("docs-site", ["build", "deploy"], description="Manual and reference")
    await _history(headgate, docs, now, chance, 96, 20)
    cancelled = await headgate.stories.open_run(docs, now - timedelta(hours=1))
    await headgate.stories.change_run(cancelled, lambda run: run.cancel(now - timedelta(minutes=58), "jonas"))
    search = await headgate.stories.add_pipeline("search-index", ["crawl", "index"], description="Full-text index", pool="search")
    await _history(headgate, search, now, chance, 186, 16)
    await headgate.stories.open_run(search, now - timedelta(minutes=5))
    weather = await headgate.stories.add_pipeline(
        "weather-import", [a_stage("fetch", retries=4, retry_delay=60), "load"], description="Hourly weather"
    )
    await _history(headgate, weather, now, chance, 19, 20)
    again = await headgate.stories.open_run(weather, now - timedelta(seconds=18))
    await headgate.stories.change_run(again, lambda run: start(run, now - timedelta(seconds=17)), _fails(now - timedelta(seconds=12)))


def _fails(at: datetime) -> object:
    def step(run: Run) -> None:
        run.stages["fetch"].current.error_message = "HTTP 429"
        run.move(run.stages["fetch"], Status.FAILED, at)
        run.propagate(at)

    return step


PASSWORD = "four words of mine"


async def employ(headgate: InProcessHeadgate) -> None:
    """People of each role, and tokens of each kind, one of them revoked."""
    application, ada = headgate.application, Actor("ada", (Role.ADMIN,))
    for name, role in (("ada", Role.ADMIN), ("grace", Role.OPERATOR), ("mara", Role.OPERATOR), ("tim", Role.VIEWER)):
        await application.create_account()(name, role, PASSWORD, ada)
    for new in (
        NewToken("deploys", TokenKind.API, (Scope.TRIGGER, Scope.READ)),
        NewToken("scanner in hall 3", TokenKind.REPORTER, (Scope.REPORT,), "flights"),
        NewToken("old laptop", TokenKind.API, (Scope.READ,)),
    ):
        made = await application.create_token()(new, ada)
    await application.revoke_token()(made.token.id, ada)
