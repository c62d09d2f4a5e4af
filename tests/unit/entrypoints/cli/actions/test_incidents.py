"""`headgate incidents`, `ack`, `snooze` and `resolve`."""

from __future__ import annotations

import json

import pytest

from domain.alerts.incident import IncidentState
from tests.support.incidents import SUMMARY, AlertingHeadgate
from tests.support.terminal import read_lines, run_command


async def a_headgate() -> AlertingHeadgate:
    headgate = AlertingHeadgate()
    pipeline_id = await headgate.add_pipeline()
    await headgate.add_incident(pipeline_id, repeats=2)
    await headgate.add_incident(pipeline_id, concurrency_key="customer=acme")
    return headgate


async def test_incidents_are_listed_newest_first() -> None:
    headgate = await a_headgate()
    await run_command(headgate, "ack", "1")

    listed = read_lines(await run_command(headgate, "incidents"))
    still_open = read_lines(await run_command(headgate, "incidents", "--state", "open", "--pipeline", "nightly"))

    assert listed[0].startswith("2 nightly (customer=acme) open opened ") and listed[0].endswith(SUMMARY)
    assert listed[1].startswith("1 nightly acknowledged by someone opened ") and listed[1].endswith(f"3 times {SUMMARY}")
    assert still_open == listed[:1]


async def test_without_incidents_it_says_so() -> None:
    headgate = AlertingHeadgate()

    assert (await run_command(headgate, "incidents")).stdout == "No incidents.\n"
    assert (await run_command(headgate, "incidents", "--state", "open")).stdout == "There is no such incident.\n"


async def test_an_incident_shows_its_timeline() -> None:
    headgate = await a_headgate()
    await run_command(headgate, "snooze", "1", "2h")

    shown = read_lines(await run_command(headgate, "incidents", "1"))

    assert shown[0].startswith("incident 1 of nightly: snoozed until ") and shown[0].endswith("/ui/incidents/1")
    assert shown[1] == SUMMARY
    assert shown[3] == "timeline"
    assert " opened" in shown[4] and " snoozed until " in shown[5]


async def test_an_incident_is_acknowledged_snoozed_and_resolved() -> None:
    headgate = await a_headgate()

    printed = [read_lines(await run_command(headgate, *words))[0] for words in (("ack", "1"), ("snooze", "1", "90m"), ("resolve", "1"))]

    assert [line.split(": ")[1].split("  ")[0].split()[0] for line in printed] == ["acknowledged", "snoozed", "resolved"]
    assert headgate.find_incident(1).state is IncidentState.RESOLVED


async def test_a_snooze_takes_seconds() -> None:
    headgate = await a_headgate()

    await run_command(headgate, "snooze", "1", "3600")

    until = headgate.find_incident(1).snoozed_until
    assert until is not None and (until - headgate.fakes.clock.now()).total_seconds() == 3_600


async def test_json_is_what_the_api_returns() -> None:
    headgate = await a_headgate()

    one = await run_command(headgate, "incidents", "1", "--json")
    every = await run_command(headgate, "incidents", "--json")

    assert json.loads(one.stdout) == (await headgate.client.get("/incidents/1")).json()
    assert json.loads(every.stdout) == (await headgate.client.get("/incidents/")).json()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("incidents", "9"), "There is no incident 9."),
        (("ack", "9"), "There is no incident 9."),
        (("snooze", "1", "soon"), "for: must be seconds or a duration"),
        (("snooze", "1", "0"), "for: must be seconds or a duration"),
        (("snooze", "1", "-5m"), ""),
        (("incidents", "--state", "broken"), "must be one of open, acknowledged, snoozed, resolved"),
        (("incidents", "--pipeline", "unknown"), "There is no pipeline unknown."),
        (("incidents", "1", "--state", "open"), ""),
        (("ack", "0"), ""),
        (("ack",), ""),
    ],
)
async def test_what_is_wrong_is_exit_code_2(words: tuple[str, ...], said: str) -> None:
    result = await run_command(await a_headgate(), *words)

    assert (result.exit_code, said in result.output) == (2, True), result.output


async def test_a_resolved_incident_is_not_acknowledged() -> None:
    headgate = await a_headgate()
    await run_command(headgate, "resolve", "1")

    result = await run_command(headgate, "ack", "1")

    assert (result.exit_code, "Incident 1 is resolved." in result.output) == (2, True)
