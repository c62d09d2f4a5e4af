"""A store full of the largest things that Headgate accepts, for tests of what requests cost."""

from datetime import timedelta
from typing import Any, Final

from application.commands.access.create_token import NewToken
from application.ports.persistence.alert_rules import NewSiteRule
from application.ports.persistence.deliveries import StoredMessage
from application.queries.schedules.calendar import MAX_DECIDED
from domain.access.actor import Actor
from domain.access.api_tokens import TokenKind
from domain.access.permissions import Scope
from domain.alerts.delivery import Delivery
from domain.alerts.incident_entry import IncidentEntry, IncidentEntryKind
from domain.alerts.message import MessageKind
from domain.alerts.rule import AlertEvent
from domain.runs.status import Status
from domain.schedules.tick import Tick, TickState
from tests.support.builders import a_definition, a_stage
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import end, start
from tests.support.stored_alerts import a_channel, a_rule, a_silence, an_incident

TEXT: Final = 65_536
"""The longest text of a report, in characters."""
BODY: Final = 1 << 20
"""The largest body, in bytes."""
LOG_LINES: Final = 3_000
ATTEMPTS: Final = 30
SMALL_PIPELINES: Final = 600
INCIDENTS: Final = 1_000
CHANNELS: Final = 50
RULES: Final = 100
DETAILS: Final = 200
SCHEDULED_PIPELINE: Final = SMALL_PIPELINES + 6
RARE = {"name": "nightly", "cron": "*/30 0 29 2 */7", "timezone": "America/New_York", "jitter": "1m"}
"""A schedule whose ticks take long to find: they are on a few days of a century."""
DENSE, FIELDS, TEXTS, FAILING, APPROVAL = "dense", "fields", "texts", "failing", "approval"
SCHEDULED: Final = "scheduled"
SCHEDULES: Final = 20
TICKS: Final = 30
DENSE_RUN, FIELDS_RUN, TEXTS_RUN, FAILING_RUN, APPROVAL_RUN = 1, 2, 3, 4, 5
MARKDOWN: Final = ("*a **b _c [" * 8_000)[:TEXT]


def dense_stages(count: int, **keys: Any) -> list[dict[str, Any]]:
    """Return stages that each need all before."""
    return [a_stage(f"x{index}", needs=[f"x{before}" for before in range(index)], **keys) for index in range(count)]


def parameters_schema(count: int) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {f"parameter-{index}": {"type": "string", "default": f"{index} & <b>"} for index in range(count)},
    }


def text_stages(mark: str) -> list[dict[str, Any]]:
    script = "\n".join(f"{mark} {index % 7}" for index in range(TEXT // 4))[:TEXT]
    return [a_stage(f"script-{index}", command=script, shell=True) for index in range(14)]  # noqa: S604  # a key of the definition


def an_output(value: Any) -> dict[str, Any]:
    """Return an output of about 1 MiB: Markdown, links, images and 500 times a value."""
    links = {f"link {index} {'<' * 190}": f"https://example.com/{'a' * 1_900}" for index in range(100)}
    return {"summary": MARKDOWN, "links": links, "images": links, **{f"value-{index}{'&' * 90}": value for index in range(500)}}


async def fill_store(headgate: InProcessHeadgate) -> None:
    """Add five pipelines of the largest size, with two revisions and a run each, and many small ones."""
    stories, now = headgate.stories, headgate.fakes.clock.now()
    definitions: dict[str, tuple[Any, Any, dict[str, Any]]] = {
        DENSE: (dense_stages(500), dense_stages(500, timeout=7), {"schedules": [RARE]}),
        FIELDS: (1, 2, {"parameters": parameters_schema(9_000)}),
        TEXTS: (text_stages("a"), text_stages("b"), {"description": "<" * 2_000}),
        FAILING: (failing_stages(), failing_stages(timeout=7), {}),
        APPROVAL: ([a_stage("ask", "approval", message="?" * 4_000, fields=parameters_schema(9_000))], 1, {}),
    }
    for name, (stages, changed, keys) in definitions.items():
        stored = await stories.add_pipeline(name, stages, parallelism=1_000, **keys)
        run_id = await stories.open_run(stored, **({f"parameter-{index}": "<" * 90 for index in range(9_000)} if name == FIELDS else {}))
        await stories.change_run(run_id, lambda run: start(run, now))
        if name != APPROVAL:
            async with headgate.fakes.open_unit_of_work() as work:
                await work.pipelines.find(stored.id, lock=True)
                await work.pipelines.revise(stored.id, a_definition(name, changed, **keys), now)
                await work.commit()
    await _fail_often(headgate)
    for index in range(SMALL_PIPELINES):
        hourly = [{"name": "hourly", "cron": "0 * * * *"}] if index < SMALL_PIPELINES / 2 else []
        small = await stories.add_pipeline(f"small-{index}-{'n' * 80}", 3, description="<" * 2_000, tags=["nightly"], schedules=hourly)
        await headgate.schedule_stories.add(small)
        await stories.open_run(small)
    await _schedule(headgate)
    await _fill_calendar(headgate)
    await _write_logs(headgate)
    await _add_alerts(headgate)
    token = NewToken("worst", TokenKind.API, (Scope.READ,))
    await headgate.application.create_token()(token, Actor("ada"))


async def _schedule(headgate: InProcessHeadgate) -> None:
    """Add a pipeline with as many schedules as one may have, each with ticks, long names and long messages."""
    schedules = [{"name": f"n{index}-{'n' * 90}", "cron": "* * * * *", "skip": ["2020-01-01"]} for index in range(SCHEDULES)]
    pipeline = await headgate.stories.add_pipeline(SCHEDULED, 3, schedules=schedules)
    await headgate.schedule_stories.add(pipeline)
    since, story = headgate.fakes.clock.now() - timedelta(minutes=TICKS + 1), [TickState.MISSED] * TICKS
    for schedule in schedules:
        await headgate.schedule_stories.play_ticks(pipeline, str(schedule["name"]), since, *story, message="<" * 1_000)


async def _fill_calendar(headgate: InProcessHeadgate) -> None:
    """Add as many ticks of many schedules within a day as a calendar counts."""
    now = headgate.fakes.clock.now()
    schedules = await headgate.fakes.reader.upcoming_schedules(now + timedelta(days=1), SMALL_PIPELINES)
    each = MAX_DECIDED // len(schedules) + 1
    times = [now - timedelta(seconds=index * 86_400 / each) for index in range(each)]
    async with headgate.fakes.open_unit_of_work() as work:
        ticks = [Tick(view.id, view.pipeline_id, at, at, TickState.FIRED, at, TEXTS_RUN) for view in schedules for at in times]
        await work.ticks.add(ticks)
        await work.commit()


async def _add_alerts(headgate: InProcessHeadgate) -> None:
    """Add many incidents, one of them with a long timeline and many deliveries, channels, rules and silences."""
    now = headgate.fakes.clock.now()
    long = {"summary": "<" * 500, "concurrency_key": "&" * 200, "event": AlertEvent.FAILED, "last_seen_at": now}
    async with headgate.fakes.open_unit_of_work() as work:
        names = ["team", *(f"c{index}-{'c' * 50}" for index in range(1, CHANNELS))]
        channels = [await work.channels.add(a_channel(name, settings=b"{}", created_at=now)) for name in names]
        incidents = [an_incident(1, rule_key=f"r{index}-{'r' * 90}", opened_at=now, **long) for index in range(INCIDENTS)]
        await work.incidents.add(incidents)
        entries = [IncidentEntry(1, now, IncidentEntryKind.UNSTABLE, "a" * 100, {"why": "<" * 500}) for _ in range(DETAILS)]
        await work.incidents.add_entries(entries)
        await work.deliveries.add_messages([StoredMessage("msg-1", MessageKind.OPENED, {"subject": "<" * 500}, now, 1, 1)])
        await work.deliveries.add([Delivery(0, "msg-1", 1, channels[index % CHANNELS].id, now) for index in range(DETAILS)])
        for index in range(RULES):
            rule = a_rule(f"r{index}" if index else "on-call", *names[:20])
            await work.alert_rules.add(NewSiteRule(rule, (), now, "ada"))
            await work.silences.add(a_silence(reason="<" * 2_000, starts_at=now, ends_at=now + timedelta(days=1), created_at=now))
        await work.commit()


def failing_stages(**keys: Any) -> list[dict[str, Any]]:
    return [a_stage(f"failing-{index}", retries=100, needs=[], **keys) for index in range(3)]


async def _fail_often(headgate: InProcessHeadgate) -> None:
    """Fail ATTEMPTS attempts of a stage and one of each other, with the longest texts and outputs."""
    now = headgate.fakes.clock.now()
    error = ("Traceback\n" + "\x1b[31m\x07‮ (((1.2.3.4:5 /a/b/c 0xabc " * TEXT)[:TEXT]

    def fail(run: Any) -> None:
        for stage in run.stages.values():
            for attempt in range(ATTEMPTS if stage.name == "failing-0" else 1):
                start(run, now)
                is_last = stage.name == "failing-0" and attempt == ATTEMPTS - 1
                stage.current.message, stage.current.output = error, an_output(['"'] * 200 if is_last else '"' * 600)
                end(stage.name, Status.FAILED, now, error=error)(run)
                run.process_due(now)

    await headgate.stories.change_run(FAILING_RUN, fail)


async def _write_logs(headgate: InProcessHeadgate) -> None:
    lines = ["\x1b[31m\x07‮" * 2_000 if index % 2 else "x" * 8_000 for index in range(LOG_LINES)]
    await headgate.stories.append_log(FAILING_RUN, "failing-0", lines[:LOG_LINES], attempt=ATTEMPTS)
