"""The judge of alerts over the store and the change feed: what opens, repeats and resolves incidents, each event once."""

from collections.abc import AsyncIterator

import pytest

from application.services.alerts import alert_judge
from domain.access.actor import Actor
from domain.alerts.incident import IncidentState, Resolution
from domain.alerts.rule import AlertEvent
from domain.errors import Unavailable
from domain.pipelines.activation import ACTIVE
from domain.runs.approvals import Decision, decide_approval
from domain.runs.retry import retry_failed
from domain.runs.status import Status
from domain.site_events import SiteEvent, SiteEventType
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import a_stage
from tests.support.judged_alerts import RULE, JudgedStore, end_run

GOOD, BAD, LOST, CANCELLED = Status.COMPLETED, Status.FAILED, Status.LOST, Status.CANCELLED


@pytest.fixture
async def judged(store: StoreUnderTest) -> AsyncIterator[JudgedStore]:
    judged = JudgedStore(store.open_unit_of_work, store.change_feed)
    await judged.judge.run_once()  # takes the position of now
    yield judged


async def test_a_failed_run_opens_an_incident_and_the_next_good_run_resolves_it(judged: JudgedStore) -> None:
    pipeline = await judged.add_pipeline(stages=["load"])
    (failed,) = await judged.end(pipeline, BAD, error="psycopg.errors.UniqueViolation: duplicate key")
    await judged.judge.run_once()

    (incident,) = await judged.list_incidents(pipeline)
    assert (incident.summary, incident.rule_key, incident.event) == ("failed at load: UniqueViolation", "team", AlertEvent.FAILED)
    assert (incident.first_run_id, incident.last_run_id, incident.opened_at) == (failed, failed, judged.clock.now())
    assert incident.cause is not None and incident.cause.startswith("fingerprint:")

    (again,) = await judged.end(pipeline, BAD)
    await judged.judge.run_once()
    (incident,) = await judged.list_incidents(pipeline)
    assert (incident.repeats, incident.last_run_id, incident.summary) == (1, again, "failed at load: ValueError")

    await judged.end(pipeline, GOOD)
    await judged.judge.run_once()
    assert await judged.list_incidents(pipeline) == []
    (incident,) = await judged.find_incidents()
    assert (incident.state, incident.resolution, incident.resolved_at) == (
        IncidentState.RESOLVED,
        Resolution.RECOVERED,
        judged.clock.now(),
    )
    assert judged.sent == ["opened", "recovered"]
    assert [each.incident.id for each in judged.planner.planned if each.incident] == [incident.id, incident.id]


async def test_a_lost_run_names_the_worker_as_the_cause(judged: JudgedStore) -> None:
    pipeline = await judged.add_pipeline()
    await judged.end(pipeline, LOST)
    await judged.judge.run_once()

    (incident,) = await judged.list_incidents(pipeline)
    assert (incident.event, incident.cause) == (AlertEvent.LOST, "worker:worker-1")


async def test_runs_that_end_within_one_pass_count_in_the_order_of_their_ends(judged: JudgedStore) -> None:
    pipeline = await judged.add_pipeline("nightly", RULE | {"after": 2})
    first, second, third = [await judged.open_run(pipeline) for _ in range(3)]
    for run_id, end in ((third, GOOD), (second, BAD), (first, BAD)):
        await judged.change_run(run_id, lambda run, now, end=end: end_run(run, end, now))
    await judged.judge.run_once()

    (incident,) = await judged.list_incidents(pipeline)
    assert incident.first_run_id == first


async def test_an_incident_that_opens_and_is_resolved_within_one_pass_sends_both_messages(judged: JudgedStore) -> None:
    pipeline = await judged.add_pipeline()
    await judged.end(pipeline, BAD, GOOD, BAD, CANCELLED)
    await judged.judge.run_once()

    first, second = await judged.find_incidents()
    assert (first.state, second.state) == (IncidentState.RESOLVED, IncidentState.OPEN)
    assert judged.sent == ["opened", "recovered", "opened"]
    assert [each.incident.id for each in judged.planner.planned if each.incident] == [first.id, first.id, second.id]


async def test_an_incident_can_open_in_the_pass_that_resolves_the_one_before(judged: JudgedStore) -> None:
    pipeline = await judged.add_pipeline()
    await judged.end(pipeline, BAD)
    await judged.judge.run_once()
    await judged.end(pipeline, GOOD, BAD)
    await judged.judge.run_once()

    assert [incident.state for incident in await judged.find_incidents()] == [IncidentState.RESOLVED, IncidentState.OPEN]


async def test_a_retried_run_that_completes_resolves_its_incident(judged: JudgedStore) -> None:
    pipeline = await judged.add_pipeline()
    (run_id,) = await judged.end(pipeline, BAD)
    await judged.judge.run_once()

    await judged.change_run(run_id, lambda run, now: retry_failed(run, now, Actor("ada")))
    await judged.judge.run_once()
    assert len(await judged.list_incidents(pipeline)) == 1

    await judged.change_run(run_id, lambda run, now: end_run(run, GOOD, now))
    await judged.judge.run_once()
    assert await judged.list_incidents(pipeline) == []
    assert judged.sent == ["opened", "recovered"]


async def test_an_approval_opens_an_incident_until_it_is_decided(judged: JudgedStore) -> None:
    pipeline = await judged.add_pipeline(stages=[a_stage("ask", "approval", message="Ship?"), a_stage("ship")])
    run_id = await judged.open_run(pipeline)
    await judged.judge.run_once()
    (incident,) = await judged.list_incidents(pipeline)
    assert (incident.event, incident.summary) == (AlertEvent.WAITING, "waits for an approval at ask")

    await judged.change_run(run_id, lambda run, now: decide_approval(run, "ask", Decision(True), now, Actor("ada")))
    await judged.judge.run_once()

    (incident,) = await judged.find_incidents()
    assert incident.resolution is Resolution.DECIDED


async def test_an_approval_that_is_decided_before_it_is_judged_opens_nothing(judged: JudgedStore) -> None:
    pipeline = await judged.add_pipeline(stages=[a_stage("ask", "approval", message="Ship?"), a_stage("ship")])
    run_id = await judged.open_run(pipeline)
    await judged.change_run(run_id, lambda run, now: decide_approval(run, "ask", Decision(True), now, Actor("ada")))
    await judged.judge.run_once()

    assert await judged.find_incidents() == []


async def test_each_value_of_a_concurrency_key_has_its_own_incident(judged: JudgedStore) -> None:
    limits = [{"limit": 1, "key": {"parameter": "customer"}}]
    pipeline = await judged.add_pipeline(concurrency=limits, parameters={"type": "object"})
    for customer, end in (("acme", BAD), ("zorg", BAD), ("acme", BAD), ("acme", GOOD)):
        await judged.end(pipeline, end, customer=customer)
    await judged.judge.run_once()

    incidents = {incident.concurrency_key: incident for incident in await judged.find_incidents()}
    assert {key: (incident.state, incident.repeats) for key, incident in incidents.items()} == {
        "customer=acme": (IncidentState.RESOLVED, 1),
        "customer=zorg": (IncidentState.OPEN, 0),
    }


async def test_each_rule_of_a_pipeline_and_of_all_pipelines_has_its_own_incident(judged: JudgedStore) -> None:
    await judged.add_site_rule("prod", name="all")
    tagged = await judged.add_pipeline("tagged", RULE, RULE | {"name": "lost", "on": ["lost"]}, tags=["prod"])
    other = await judged.add_pipeline("other")
    for pipeline in (tagged, other):
        await judged.end(pipeline, BAD)
    await judged.judge.run_once()

    found = {(incident.pipeline_id, incident.rule_key) for incident in await judged.find_incidents()}
    assert found == {(tagged.id, "team"), (tagged.id, "site:all"), (other.id, "team")}


async def test_notices_need_no_incident(judged: JudgedStore) -> None:
    pipeline = await judged.add_pipeline("nightly", RULE | {"on": ["completed", "recovered"]})
    await judged.end(pipeline, GOOD, BAD, GOOD)
    await judged.judge.run_once()

    assert judged.sent == ["notice:completed", "notice:completed", "notice:recovered"]
    assert await judged.find_incidents() == []


async def test_a_person_who_resolves_an_incident_is_told_of_the_next_failure(judged: JudgedStore) -> None:
    pipeline = await judged.add_pipeline()
    await judged.end(pipeline, BAD)
    await judged.judge.run_once()
    async with judged.open_unit_of_work() as work:
        (incident,) = await work.incidents.lock_unresolved(pipeline.id)
        await work.incidents.save([incident.resolve(Resolution.RESOLVED, judged.clock.now(), "ada")])
        await work.commit()
    await judged.end(pipeline, BAD)
    await judged.judge.run_once()

    assert judged.sent == ["opened", "opened"]


async def test_a_rule_that_is_removed_closes_its_incidents_without_a_message(judged: JudgedStore) -> None:
    pipeline = await judged.add_pipeline("nightly", RULE, RULE | {"name": "other"})
    await judged.end(pipeline, BAD)
    await judged.judge.run_once()

    changed = await judged.change_pipeline(pipeline, RULE)
    await judged.judge.run_once()

    (kept,) = await judged.list_incidents(changed)
    assert kept.rule_key == "team"
    assert {each.resolution for each in await judged.find_incidents()} == {None, Resolution.RULE_REMOVED}
    assert judged.sent == ["opened", "opened"]

    await judged.change_pipeline(pipeline)
    await judged.judge.run_once()
    assert await judged.list_incidents(changed) == []
    again = await judged.change_pipeline(pipeline, RULE | {"after": 2})
    await judged.end(again, BAD)
    await judged.judge.run_once()
    assert await judged.list_incidents(again) == [], "a rule that comes back knows no earlier runs"


@pytest.mark.parametrize(
    ("type", "activation"), [(SiteEventType.PIPELINE_ARCHIVED, True), (SiteEventType.PIPELINE_DELETED, False)], ids=str
)
async def test_an_archived_or_deleted_pipeline_has_no_open_incidents(judged: JudgedStore, type: SiteEventType, activation: bool) -> None:
    pipeline = await judged.add_pipeline()
    await judged.end(pipeline, BAD)
    await judged.judge.run_once()
    async with judged.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        if activation:
            await work.pipelines.set_activation(pipeline.id, ACTIVE.archive(judged.clock.now(), "ada"))
        else:
            await work.pipelines.mark_deleted(pipeline.id, judged.clock.now())
        await work.site_events.add([SiteEvent(type, judged.clock.now(), pipeline.id)])
        await work.commit()
    await judged.judge.run_once()

    (incident,) = await judged.find_incidents()
    assert incident.resolution is Resolution.PIPELINE_ARCHIVED
    assert judged.sent == ["opened"]


async def test_a_site_rule_that_is_deleted_or_has_other_tags_closes_its_incidents(judged: JudgedStore) -> None:
    rule = await judged.add_site_rule(name="all")
    pipelines = [await judged.add_pipeline(name, RULE | {"on": ["completed"]}, tags=[name]) for name in ("one", "two")]
    for pipeline in pipelines:
        await judged.end(pipeline, BAD)
    await judged.judge.run_once()
    assert len(await judged.list_incidents(*pipelines)) == 2

    for is_deleted in (False, True):
        async with judged.open_unit_of_work() as work:
            await work.alert_rules.lock("all")
            if is_deleted:
                await work.alert_rules.delete(rule.id)
            else:
                await work.alert_rules.save(type(rule)(rule.id, rule.rule, ("two",)))
            await work.site_events.add([SiteEvent(SiteEventType.ALERT_RULES_CHANGED, judged.clock.now(), data={"name": "all"})])
            await work.commit()
        await judged.judge.run_once()
        open_ones = [incident.pipeline_id for incident in await judged.list_incidents(*pipelines)]
        assert open_ones == ([] if is_deleted else [pipelines[1].id])


async def test_ticks_that_were_missed_open_an_incident(judged: JudgedStore) -> None:
    pipeline = await judged.add_pipeline()
    async with judged.open_unit_of_work() as work:
        for state in ("fired", "missed"):
            data = {"schedule": "nightly", "due_at": "2026-03-02T02:00:00+00:00", "state": state, "run_id": None, "count": 3}
            await work.site_events.add([SiteEvent(SiteEventType.TICK, judged.clock.now(), pipeline.id, data=data)])
        await work.commit()
    await judged.judge.run_once()

    (incident,) = await judged.list_incidents(pipeline)
    assert (incident.event, incident.summary, incident.first_run_id) == (
        AlertEvent.MISSED,
        "did not start for 2026-03-02 02:00 UTC",
        None,
    )


async def test_what_ended_while_no_rule_existed_is_not_judged_later(judged: JudgedStore) -> None:
    pipeline = await judged.change_pipeline(await judged.add_pipeline())
    async with judged.open_unit_of_work() as work:
        await work.channels.set_uses(pipeline.id, [])
        await work.commit()
    await judged.end(pipeline, BAD)
    await judged.judge.run_once()

    await judged.add_site_rule(name="all")
    await judged.judge.run_once()
    assert await judged.find_incidents() == []

    await judged.end(pipeline, BAD)
    await judged.judge.run_once()
    assert len(await judged.find_incidents()) == 1


async def test_a_cursor_of_another_database_continues_from_now(judged: JudgedStore) -> None:
    pipeline = await judged.add_pipeline()
    await judged.end(pipeline, BAD)
    async with judged.open_unit_of_work() as work:
        await work.incidents.lock_position()
        await work.incidents.save_position("another")
        await work.commit()
    await judged.judge.run_once()
    assert await judged.find_incidents() == []

    await judged.end(pipeline, BAD)
    await judged.judge.run_once()
    assert len(await judged.find_incidents()) == 1


async def test_two_processes_judge_each_run_once(judged: JudgedStore, store: StoreUnderTest) -> None:
    pipeline = await judged.add_pipeline()
    other = judged.create_judge(store.other_unit_of_work, store.other_feed)
    async with store.other_unit_of_work() as work:
        assert await work.incidents.lock_position() is not None
        await judged.end(pipeline, BAD)
        await judged.judge.run_once()
        assert judged.sent == [], "another process has the position"

    await other.run_once()
    await judged.judge.run_once()
    assert judged.sent == ["opened"]


@pytest.mark.parametrize("error", [Unavailable("the database is gone"), ValueError("a defect")], ids=["outage", "defect"])
async def test_a_pass_that_fails_changes_nothing_and_is_repeated(judged: JudgedStore, error: Exception) -> None:
    pipeline = await judged.add_pipeline()
    await judged.end(pipeline, BAD)
    judged.planner.errors.append(error)
    with pytest.raises(type(error)):
        await judged.judge.run_once()
    await judged.judge.run_once()

    (incident,) = await judged.find_incidents()
    assert (incident.repeats, judged.sent) == (0, ["opened"])


async def test_an_event_that_cannot_be_judged_does_not_block_the_others(judged: JudgedStore) -> None:
    pipelines = [await judged.add_pipeline(name) for name in ("one", "two", "three")]
    for pipeline in pipelines:
        await judged.end(pipeline, BAD)
    judged.planner.errors += [ValueError("one"), ValueError("again")]
    with pytest.raises(ValueError, match="one"):
        await judged.judge.run_once()

    assert [incident.pipeline_id for incident in await judged.list_incidents(*pipelines)] == [pipelines[1].id, pipelines[2].id]


async def test_many_failing_runs_are_judged_page_by_page(judged: JudgedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_judge, "PAGE_SIZE", 7)
    pipeline = await judged.add_pipeline("busy", RULE)
    other = await judged.add_pipeline("other", RULE | {"after": 3})
    await judged.end(pipeline, *[BAD] * 40)
    await judged.end(other, BAD, BAD, BAD)
    await judged.judge.run_once()

    found = {incident.pipeline_id: incident.repeats for incident in await judged.list_incidents(pipeline, other)}
    assert found == {pipeline.id: 39, other.id: 0}
    assert judged.sent == ["opened", "opened"]


async def test_failing_and_completing_in_turn_sends_few_messages(judged: JudgedStore) -> None:
    pipeline = await judged.add_pipeline()
    for end in [BAD, GOOD] * 10:
        await judged.end(pipeline, end)
        await judged.judge.run_once()

    assert judged.sent == ["opened", "recovered", "opened", "recovered", "unstable"]
    (incident,) = await judged.list_incidents(pipeline)
    assert incident.unstable

    await judged.end(pipeline, GOOD, GOOD)
    await judged.judge.run_once()
    assert await judged.list_incidents(pipeline) == []


async def test_changes_of_incidents_are_site_events_and_entries_of_their_timelines(judged: JudgedStore, store: StoreUnderTest) -> None:
    start = await store.change_feed.position()
    pipeline = await judged.add_pipeline()
    for ends in ((BAD,), (BAD, BAD, BAD), (GOOD,)):
        await judged.end(pipeline, *ends)
        await judged.judge.run_once()

    events = [event for event in (await store.change_feed.read(start)).site_events if event.type is SiteEventType.INCIDENT_CHANGED]
    assert [(event.data["change"], event.data["state"]) for event in events] == [
        ("opened", "open"),
        ("repeated", "open"),
        ("resolved", "resolved"),
    ]
    (incident,) = await judged.find_incidents()
    detail = await store.reader.incident(incident.id)
    assert detail is not None
    kinds = [entry.kind for entry in detail.timeline]
    assert kinds == ["opened", "repeated", "repeated", "resolved"]
