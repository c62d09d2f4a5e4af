"""The grouping, repeat-interval and silence cases of Prometheus Alertmanager's acceptance tests, told about Headgate, with a virtual clock.

| Alertmanager's case | here |
|---|---|
| an alert that is sent again keeps its first start, and has its newest annotations | repeated failures: one incident, the newest summary |
| an alert that is resolved twice; one that fires again | a second good run changes nothing; the next failure is a new incident |
| the repeat interval, until the alert is resolved | `remind`, until the recovery |
| one of two receivers fails for a while | one of two channels fails: each gets the message once |
| alerts of a group in one message; no message without a change | a sixth incident of one cause and those after it share a message |
| the end of a group's alerts in one message | one recovery after the last incident of the group |
| a receiver without messages about ends | a rule with `recovery: false` |
| a reload sends nothing again | a restart of all processes |
| a silence of one alert; a silence that is deleted early | a silence of one pipeline; one of all that ends early |
| three instances send what one does | three processes |

The group wait and interval do not apply: the first five incidents of one cause are reported at once. Alerts that end because nothing
refreshes them do not apply: only a run, or a person, resolves an incident. Inhibition does not apply: there are no rules between incidents.
"""

from datetime import timedelta

import pytest

from application.ports.delivery.channel_sender import DeliveryFailed
from domain.access.actor import Actor
from domain.alerts.incident import IncidentState
from tests.support.stored_alerts import add_silence
from tests.support.watched_headgate import WatchedHeadgate

HOUR = 3_600.0
TO_BOTH = [{"on": ["failed"], "to": ["team", "pager"]}]


@pytest.fixture
async def headgate() -> WatchedHeadgate:
    headgate = WatchedHeadgate()
    await headgate.add_channels("team", "pager")
    await headgate.step()
    return headgate


async def test_repeated_failures_keep_the_first_start_and_show_the_newest_error(headgate: WatchedHeadgate) -> None:
    await headgate.watch("nightly")
    first = await headgate.fail("nightly", "KeyError: 'customer'")
    await headgate.step()
    started = headgate.incidents[0].opened_at

    await headgate.pass_time(60, every=20)
    last = await headgate.fail("nightly", "TimeoutError: warehouse")
    await headgate.step()

    (incident,) = headgate.incidents
    assert (incident.opened_at, incident.first_run_id, incident.last_run_id, incident.repeats) == (started, first, last, 1)
    assert "TimeoutError" in incident.summary
    assert headgate.list_kinds() == ["opened"]


async def test_a_second_good_run_changes_nothing_and_the_next_failure_is_a_new_incident(headgate: WatchedHeadgate) -> None:
    await headgate.watch("nightly")
    await headgate.fail("nightly")
    await headgate.step()
    await headgate.complete("nightly")
    await headgate.step()
    resolved_at = headgate.incidents[0].resolved_at
    await headgate.pass_time(60, every=20)
    await headgate.complete("nightly")
    await headgate.step()
    assert headgate.incidents[0].resolved_at == resolved_at

    await headgate.fail("nightly")
    await headgate.step()

    assert [incident.state for incident in headgate.incidents] == [IncidentState.RESOLVED, IncidentState.OPEN]
    assert headgate.list_kinds() == ["opened", "recovered", "opened"]


async def test_a_reminder_follows_each_interval_until_the_recovery(headgate: WatchedHeadgate) -> None:
    await headgate.watch("nightly", {"on": ["failed"], "to": ["team"], "remind": "4h"})
    await headgate.fail("nightly")
    await headgate.step()

    await headgate.pass_time(9 * HOUR, every=60)
    await headgate.complete("nightly")
    await headgate.pass_time(9 * HOUR, every=60)

    assert headgate.list_kinds() == ["opened", "reminder", "reminder", "recovered"]
    assert headgate.list_times("reminder") == pytest.approx([4 * HOUR, 8 * HOUR], abs=120)


async def test_a_channel_that_works_gets_each_message_once_while_another_fails(headgate: WatchedHeadgate) -> None:
    await headgate.watch("nightly", *TO_BOTH)
    headgate.sender.failures["pager"] = [DeliveryFailed("The receiver responded with 500.") for _ in range(3)]

    await headgate.fail("nightly")
    await headgate.pass_time(600, every=5)

    assert (headgate.list_kinds("team"), headgate.list_kinds("pager")) == (["opened"], ["opened"])
    assert len({message.id for message in headgate.sender.tried["pager"]}) == 1
    assert len(headgate.sender.tried["pager"]) == 4


async def test_incidents_of_one_cause_share_a_message_from_the_sixth_on(headgate: WatchedHeadgate) -> None:
    names = [f"nightly-{number}" for number in range(9)]
    for name in names:
        await headgate.watch(name)
    for name in names:
        await headgate.fail(name)
    await headgate.step()
    assert headgate.list_kinds() == ["opened"] * 5

    await headgate.pass_time(HOUR, every=10)

    assert headgate.list_kinds() == ["opened"] * 5 + ["grouped"], "nothing is sent without a change"
    assert headgate.list_times("grouped") == pytest.approx([30], abs=12)
    assert len(headgate.incidents) == 9
    assert sum(incident.group_id is not None for incident in headgate.incidents) == 4


async def test_a_group_has_one_recovery_after_its_last_incident(headgate: WatchedHeadgate) -> None:
    names = [f"nightly-{number}" for number in range(8)]
    for name in names:
        await headgate.watch(name)
    for name in names:
        await headgate.fail(name)
    await headgate.pass_time(60, every=10)

    for name in names[:-1]:
        await headgate.complete(name)
    await headgate.step()
    before = headgate.list_kinds().count("recovered")
    await headgate.complete(names[-1])
    await headgate.pass_time(60, every=10)

    assert (before, headgate.list_kinds().count("recovered")) == (5, 6)


async def test_a_rule_without_recovery_reports_the_next_failure_as_a_new_one(headgate: WatchedHeadgate) -> None:
    quiet = {"name": "quiet", "on": ["failed"], "to": ["pager"], "recovery": False}
    await headgate.watch("nightly", {"on": ["failed"], "to": ["team"]}, quiet)
    for _ in range(2):
        await headgate.fail("nightly")
        await headgate.step()
        await headgate.complete("nightly")
        await headgate.step()

    assert headgate.list_kinds("team") == ["opened", "recovered"] * 2
    assert headgate.list_kinds("pager") == ["opened"] * 2


async def test_a_restart_repeats_nothing_and_keeps_the_time_of_the_reminder(headgate: WatchedHeadgate) -> None:
    await headgate.watch("nightly", {"on": ["failed"], "to": ["team"], "remind": "1h"})
    await headgate.fail("nightly")
    await headgate.step()

    await headgate.pass_time(1_800, every=60)
    headgate.restart()
    await headgate.pass_time(2_400, every=60)

    assert headgate.list_kinds() == ["opened", "reminder"]
    assert headgate.list_times("reminder") == pytest.approx([HOUR], abs=120)


async def test_a_silence_of_one_pipeline_holds_its_messages_only(headgate: WatchedHeadgate) -> None:
    nightly = await headgate.watch("nightly")
    await headgate.watch("hourly")
    now = headgate.fakes.clock.now()
    await add_silence(
        headgate.fakes.open_unit_of_work, pipeline_id=nightly, starts_at=now, ends_at=now + timedelta(hours=2), created_at=now
    )

    await headgate.fail("nightly")
    await headgate.fail("hourly", "OSError: full")
    await headgate.pass_time(HOUR, every=60)
    subjects = [arrival.subject for arrival in headgate.arrivals]
    assert len(subjects) == 1 and subjects[0].startswith("hourly")

    await headgate.pass_time(1.5 * HOUR, every=60)

    late = headgate.arrivals[1:]
    assert [arrival.subject.split()[0] for arrival in late] == ["nightly#1"], "the incident is still open at the end of the silence"
    assert [arrival.at for arrival in late] == pytest.approx([2 * HOUR], abs=120)


async def test_messages_leave_at_once_when_a_silence_of_all_ends_early(headgate: WatchedHeadgate) -> None:
    for name in ("nightly", "hourly"):
        await headgate.watch(name)
    now = headgate.fakes.clock.now()
    silence = await add_silence(headgate.fakes.open_unit_of_work, starts_at=now, ends_at=now + timedelta(hours=100), created_at=now)
    for name in ("nightly", "hourly"):
        await headgate.fail(name, f"{name} failed")
    await headgate.pass_time(600, every=20)
    assert headgate.arrivals == []

    await headgate.application.end_silence()(silence.id, Actor("mara"))
    await headgate.pass_time(60, every=5)

    assert sorted(arrival.subject.split()[0] for arrival in headgate.arrivals) == ["hourly#1", "nightly#1"]


@pytest.mark.parametrize("processes", [1, 3])
async def test_three_processes_send_what_one_does(processes: int) -> None:
    headgate = WatchedHeadgate(processes)
    await headgate.add_channels("team")
    await headgate.step()
    await headgate.watch("nightly", {"on": ["failed"], "to": ["team"], "remind": "1h"})
    for _ in range(3):
        await headgate.fail("nightly")
        await headgate.pass_time(60, every=10)
    await headgate.pass_time(1.5 * HOUR, every=60)
    await headgate.complete("nightly")
    await headgate.pass_time(60, every=10)

    assert headgate.list_kinds() == ["opened", "reminder", "recovered"]
