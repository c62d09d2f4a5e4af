"""A Headgate in which everything has as long a name as is allowed, without a space at which a line could break."""

from datetime import timedelta
from typing import Any, Final

from application.commands.access.create_token import NewToken
from domain.access.actor import Actor
from domain.access.api_tokens import TokenKind
from domain.access.permissions import Role, Scope
from domain.backfills.request import BackfillRequest
from domain.runs.status import Status
from tests.support.builders import a_definition, a_stage
from tests.support.example_board import PASSWORD
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import AttemptStory, end

LONG: Final = "W" * 100
WIDE: Final = "界" * 100
"""A text in a script of wide characters, where names allow one."""
TAG: Final = "m" * 30


async def furnish_with_long_names(headgate: InProcessHeadgate) -> dict[str, int]:
    """Add pipelines, runs and settings with long names. Return the ids of a failed run, a waiting one, an incident and a backfill."""
    stories, now = headgate.stories, headgate.fakes.clock.now()
    await stories.add_worker()
    schedules = [{"name": LONG, "every": "1h"}]
    parameters = {"type": "object", "properties": {LONG: {"type": "string", "description": WIDE, "default": LONG}}}
    keys: dict[str, Any] = {"description": WIDE, "tags": [TAG, f"{TAG[:-1]}a"], "schedules": schedules, "parameters": parameters}
    stages = [a_stage(f"{LONG[:-1]}A"), a_stage(f"{LONG[:-1]}B"), a_stage(f"{LONG[:-1]}C")]
    failing = await stories.add_pipeline(LONG, stages, **keys)
    await headgate.schedule_stories.add(failing)
    story = {f"{LONG[:-1]}A": [AttemptStory(5)], f"{LONG[:-1]}B": [AttemptStory(5, Status.FAILED, error=LONG * 3)]}
    run_id = 0
    for hours in (30, 20, 3):
        run_id = await stories.play_run(failing, now - timedelta(hours=hours), story, **{LONG: LONG})
    await headgate.schedule_stories.play_ticks(failing, LONG, now - timedelta(hours=9), *[Status.COMPLETED] * 4, Status.FAILED)
    await stories.append_log(run_id, f"{LONG[:-1]}B", [LONG * 5, f"!{WIDE}"])
    approval = a_stage(LONG, "approval", message=WIDE, approvers=[LONG])
    asked = await stories.open_run(await stories.add_pipeline(f"A{LONG[1:]}", [approval, a_stage("x", "external", needs=[])], tags=[TAG]))
    lost = await stories.add_pipeline(f"B{LONG[1:]}", [a_stage("x", "external")])
    await stories.change_run(await stories.open_run(lost), end("x", Status.LOST, now))
    incident = await headgate.alert_stories.open_incident(failing, run_id, f"{LONG} failed at {LONG}: {LONG}", 90)
    channel = await headgate.alert_stories.add_channel(LONG, summary=f"{LONG}.example.org/…")
    await headgate.alert_stories.deliver(incident, channel)
    await headgate.alert_stories.break_channel(channel, LONG)
    await headgate.alert_stories.add_rule(LONG, LONG, tags=(TAG,))
    await headgate.alert_stories.silence(failing, reason=WIDE)
    limited = await stories.add_pipeline(f"C{LONG[1:]}", ["a"], concurrency=[{"group": LONG, "limit": 1}])
    for _ in range(2):
        await stories.open_run(limited)
    await _add_paused_and_overdue(headgate)
    request = BackfillRequest(f"{now - timedelta(days=3):%Y-%m-%d}", f"{now - timedelta(days=1):%Y-%m-%d}", schedule=LONG)
    backfill = await headgate.application.start_backfill()(LONG, request, Actor(WIDE))
    return {"failed": run_id, "asked": asked, "incident": incident.id, "backfill": backfill.backfill_id}


async def _add_paused_and_overdue(headgate: InProcessHeadgate) -> None:
    """Add a paused pipeline, and one whose run another machine should have reported a day ago."""
    paused = await headgate.stories.add_pipeline(f"D{LONG[1:]}", ["a"], tags=[TAG], schedules=[{"name": "s", "every": "1h"}])
    await headgate.schedule_stories.add(paused)
    await headgate.application.pause_pipeline()(paused.definition.name)
    expected = a_definition(f"E{LONG[1:]}", [a_stage(LONG, "external")], tags=[TAG], expect=[{"every": 3_600, "grace": 0}])
    async with headgate.fakes.open_unit_of_work() as work:
        overdue = await work.pipelines.add(expected, headgate.fakes.clock.now() - timedelta(days=2))
        await work.commit()
    await headgate.stories.open_run(overdue, headgate.fakes.clock.now() - timedelta(days=1))


async def employ_with_long_names(headgate: InProcessHeadgate) -> None:
    """Add accounts and tokens with long names, and sign-ins for `ada`."""
    ada = Actor("ada", (Role.ADMIN,))
    for name, role in (("ada", Role.ADMIN), (LONG, Role.OPERATOR)):
        await headgate.application.create_account()(name, role, PASSWORD, ada)
    await headgate.application.create_token()(NewToken(LONG, TokenKind.API, (Scope.TRIGGER, Scope.READ)), ada)
    await headgate.application.create_token()(NewToken(f"r{LONG[1:]}", TokenKind.REPORTER, (Scope.REPORT,), LONG), ada)


def list_addresses(found: dict[str, int]) -> tuple[str, ...]:
    """Return the addresses of all pages that show names."""
    failed, asked = found["failed"], found["asked"]
    pipeline = f"/ui/pipelines/{LONG}"
    stage = f"{LONG[:-1]}B"
    run = f"/ui/runs/{failed}"
    return (
        "/",
        f"/?tag={TAG}&status=failed",
        "/ui/runs",
        f"/ui/runs?pipeline={LONG}&status=failed",
        run,
        f"{run}?view=graph",
        f"{run}?view=list",
        f"{run}?stage={stage}",
        f"{run}/stages/{stage}",
        f"{run}/retry",
        f"{run}/again",
        f"{run}/events",
        f"{run}/compare",
        f"/ui/runs/{asked}",
        f"/ui/runs/{asked}/cancel",
        f"/ui/waiting?run={asked}&stage={LONG}",
        pipeline,
        f"{pipeline}/edit",
        f"{pipeline}/revisions/1",
        f"{pipeline}/trigger",
        f"{pipeline}/backfill",
        f"{pipeline}/pause",
        f"{pipeline}/archive",
        f"{pipeline}/schedules/{LONG}/pause",
        "/ui/retry-runs",
        "/ui/schedule",
        "/ui/schedule?view=week",
        "/ui/backfills/",
        f"/ui/backfills/{found['backfill']}",
        "/ui/incidents",
        f"/ui/incidents/{found['incident']}",
        "/ui/channels",
        f"/ui/channels/{LONG}",
        "/ui/alert-rules",
        "/ui/silences",
        "/ui/groups/",
        f"/ui/groups/{LONG}",
        "/ui/system",
        "/ui/new",
        f"/ui/pipelines/{'x' * 120}",
    )


TEAM_ADDRESSES: Final = ("/ui/account", "/ui/accounts", f"/ui/tokens?pipeline={LONG}", "/ui/audit")
