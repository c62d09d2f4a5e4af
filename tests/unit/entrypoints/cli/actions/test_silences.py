"""`headgate silence`, `silences` and `silence-end`."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from entrypoints.cli.screens.local_times import format_local
from tests.support.incidents import AlertingHeadgate
from tests.support.terminal import read_lines, run_command

END = format_local("2026-03-02T11:00:00Z")
REASON = ("--reason", "The disk moves")


async def a_headgate() -> AlertingHeadgate:
    headgate = AlertingHeadgate()
    await headgate.add_pipeline(tags=["critical"])
    return headgate


@pytest.mark.parametrize(
    ("target", "name"),
    [(("nightly",), "nightly"), (("1",), "nightly"), (("--tag", "critical"), "tag critical"), (("--all",), "all pipelines")],
)
async def test_a_silence_is_created_listed_and_ended(target: tuple[str, ...], name: str) -> None:
    headgate = await a_headgate()

    created = await run_command(headgate, "silence", *target, "--for", "2h", *REASON)
    listed = await run_command(headgate, "silences")
    ended = await run_command(headgate, "silence-end", "1")

    assert read_lines(created)[0].startswith(f"silence 1 of {name}: until {END}")
    assert read_lines(listed)[0].startswith(f"1 {name} until {END}") and "The disk moves" in listed.stdout
    assert read_lines(ended)[0].startswith(f"silence 1 of {name}: ended ")
    assert (await run_command(headgate, "silences")).stdout == "No silence is active or scheduled.\n"
    assert "The disk moves" in (await run_command(headgate, "silences", "--ended")).stdout


async def test_a_silence_to_come_has_local_times() -> None:
    headgate = await a_headgate()
    start, end = (datetime(2026, 3, 3, hour, tzinfo=UTC).astimezone().replace(tzinfo=None).isoformat() for hour in (1, 2))

    result = await run_command(headgate, "silence", "nightly", "--from", start, "--to", end, *REASON, "--json")

    silence = json.loads(result.stdout)
    assert (silence["from"], silence["to"], silence["state"]) == ("2026-03-03T01:00:00Z", "2026-03-03T02:00:00Z", "scheduled")
    assert silence == (await headgate.client.get("/silences/1")).json()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("silence", "--for", "2h", *REASON), ""),
        (("silence", "nightly", "--all", "--for", "2h", *REASON), ""),
        (("silence", "nightly", *REASON), ""),
        (("silence", "nightly", "--for", "2h", "--to", "2026-03-03", *REASON), ""),
        (("silence", "nightly", "--for", "2h"), ""),
        (("silence", "nightly", "--for", "soon", *REASON), "for: must be seconds or a duration"),
        (("silence", "nightly", "--to", "soon", *REASON), "--to: soon is not a time"),
        (("silence", "nightly", "--to", "2020-01-01", *REASON), "to: must be later than now"),
        (("silence", "unknown", "--for", "2h", *REASON), "none is named unknown"),
        (("silence", "--tag", "unknown", "--for", "2h", *REASON), "none has the tag unknown"),
        (("silence", "nightly", "--for", "2h", "--reason", ""), "reason"),
        (("silence-end", "9"), "There is no silence 9."),
    ],
)
async def test_what_is_wrong_is_exit_code_2(words: tuple[str, ...], said: str) -> None:
    result = await run_command(await a_headgate(), *words)

    assert (result.exit_code, said in result.output) == (2, True), result.output
