"""A wrong clock of a web, a worker or a reporter changes nothing: only the database's clock counts."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from entrypoints.http.auth.caller import CSRF_FIELD
from tests.chaos.faults import UNAFFECTED_PIPELINES, Fault, kill_every_backend
from tests.chaos.rounds import chaos_harness
from tests.chaos.stack import Stack, chaos_stack
from tests.support.waiting import wait_for

HOUR = 3600.0
RETRY_DELAY = 2.0
PASSWORD = "four words of mine"
RECONNECTION = Fault("every backend killed", kill_every_backend, UNAFFECTED_PIPELINES, pipelines=UNAFFECTED_PIPELINES)
"""A fault that a run survives without another attempt. It makes the webs read the database's clock again."""


@pytest.fixture(scope="module")
def usual_webs(stack: Stack) -> Iterator[None]:
    """Give the webs their own clocks back after the last test."""
    yield
    stack.restart_web(1)


@pytest.mark.parametrize("hours", [1, -1])
def test_workers_and_reporters_with_a_wrong_clock_change_nothing(stack: Stack, run: asyncio.Runner, hours: int) -> None:
    skewed = [stack.build_worker(f"skewed-{position}-{hours}", position, HOUR * hours) for position in range(2)]
    usual, stack.workers = stack.workers, skewed
    for process in usual:
        process.terminate(30)
    for process in skewed:
        process.start()
    try:
        stack.wait_until_ready()
        run.run(check_round(stack, timedelta(hours=hours)))
    finally:
        stack.workers = usual
        for process in skewed:
            process.end()


@pytest.mark.usefixtures("usual_webs")
@pytest.mark.parametrize("seconds", [-2 * HOUR, 2 * HOUR])
def test_a_web_with_a_wrong_clock_ends_and_repeats_nothing(stack: Stack, run: asyncio.Runner, seconds: float) -> None:
    stack.restart_web(1, seconds)
    create_timed_pipeline(stack)
    timed = [trigger_timed_run(stack, url) for url in stack.urls]

    run.run(check_round(stack))

    for url, run_id in zip(reversed(stack.urls), timed, strict=True):
        check_timed_run(stack, url, run_id)


async def check_round(stack: Stack, reporter_skew: timedelta = timedelta()) -> None:
    """Run pipelines that are not affected by a reconnection. Fail if one does not complete, or has a second attempt."""
    newest = query(stack, "SELECT coalesce(max(id), 0) FROM run")[0][0]
    async with chaos_harness(stack, random.Random(newest), reporter_skew) as harness:
        tally = await harness.run_round(RECONNECTION, runs=6)
    assert tally.findings.all == []
    repeated = "SELECT run_id, stage, number FROM attempt WHERE number > 1 AND run_id IN (SELECT id FROM run WHERE id > %s)"
    assert query(stack, repeated, newest) == []


def create_timed_pipeline(stack: Stack) -> None:
    """Create a pipeline with a retry, a long stage and an approval, all of which have times when they are due. Repeating it is harmless."""
    fail_first = f'date +%s.%N >> "{stack.folder}/tries-$HEADGATE_RUN_ID"; test "$HEADGATE_ATTEMPT" -gt 1'
    retried = {"name": "retried", "command": ["sh", "-c", fail_first], "retries": 1, "retry_delay": RETRY_DELAY, "timeout": 50}
    long = {"name": "long", "needs": [], "command": ["sleep", "4"], "timeout": 50}
    approval = {"name": "approval", "needs": [], "kind": "approval", "timeout": 50}
    definition = {"name": "timed", "stages": [retried, long, approval]}
    answer = httpx.put(f"{stack.urls[0]}/pipelines/timed", json=definition, timeout=20, trust_env=False)
    if answer.status_code == 404:
        stack.create(definition)


def trigger_timed_run(stack: Stack, url: str) -> int:
    """Trigger a run at this web, and repeat the request at every web. Return its id."""
    key = {"Idempotency-Key": f"timed-{random.random()}"}
    answers = [httpx.post(f"{each}/trigger/timed", headers=key, timeout=20, trust_env=False) for each in (url, *stack.urls)]
    assert [answer.status_code for answer in answers] == [202] * len(answers)
    assert len({answer.json()["run_id"] for answer in answers}) == 1
    return int(answers[0].json()["run_id"])


def check_timed_run(stack: Stack, url: str, run_id: int) -> None:
    """Approve the run at this web and wait until it has completed. Fail if its attempts are not one for each stage and one retry."""
    approved = httpx.post(f"{url}/runs/{run_id}/stages/approval/approve", timeout=20, trust_env=False)
    assert approved.status_code == 202, approved.text
    wait_for(lambda: stack.get(f"/runs/{run_id}")["status"] not in ("queued", "running", "waiting"), 60)
    ends = query(stack, "SELECT stage, number, status FROM attempt WHERE run_id = %s ORDER BY stage, number", run_id)
    first, second = map(float, (stack.folder / f"tries-{run_id}").read_text().split())
    assert ends == [("approval", 1, "completed"), ("long", 1, "completed"), ("retried", 1, "failed"), ("retried", 2, "completed")]
    assert second - first > RETRY_DELAY / 2  # the webs' clocks may differ by a round trip


def query(stack: Stack, text: str, *parameters: object) -> list[tuple[object, ...]]:
    with stack.postgres.connection("headgate") as connection:
        return connection.execute(text, parameters).fetchall()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def team() -> Iterator[Stack]:
    """Two webs with sign-in whose clocks differ by two days and four hours: more than any session, token or stored answer lasts here."""
    settings = {"HEADGATE_AUTH": "team", "HEADGATE_SESSION_IDLE_HOURS": "1"}
    with chaos_stack(workers=0, with_prefect=False, web_clock_skews=(-26 * HOUR, 26 * HOUR), **settings) as started:
        started.run_command("user", "create", "ada", "--role", "admin", "--password-stdin", stdin=PASSWORD + "\n")
        yield started


@pytest.fixture(scope="module")
def token(team: Stack) -> str:
    """A token that is valid for a day, made by a command whose clock is wrong too."""
    return team.run_command("token", "create", "ci", "--scope", "admin", "--days", "1", clock_skew=26 * HOUR)


def test_what_one_web_issues_is_valid_at_the_other(team: Stack, token: str) -> None:
    pipeline = f"reported-{random.randrange(10**9)}"
    definition = {"name": pipeline, "stages": [{"name": "a", "kind": "external"}]}
    created = httpx.post(f"{team.urls[0]}/pipelines/", json=definition, headers=bearer(token), timeout=20, trust_env=False)
    assert created.status_code == 201, created.text

    for number, (issuer, other) in enumerate((team.urls, team.urls[::-1])):
        session = sign_in(issuer)
        key = bearer(token) | {"Idempotency-Key": f"{pipeline}-{number}"}
        triggered = [httpx.post(f"{url}/trigger/{pipeline}", headers=key, timeout=20, trust_env=False) for url in (issuer, other, issuer)]

        for headers in (session, bearer(token), bearer(make_token(issuer, other, session))):
            read = [httpx.get(f"{url}/runs/", headers=headers, timeout=20, trust_env=False) for url in (other, issuer)]
            assert [answer.status_code for answer in read] == [200, 200]
        assert [answer.status_code for answer in triggered] == [202] * 3
        assert len({answer.json()["run_id"] for answer in triggered}) == 1


def sign_in(url: str) -> dict[str, str]:
    """Sign in at this web and return the headers of the session."""
    answer = httpx.post(f"{url}/ui/sign-in", data={"name": "ada", "password": PASSWORD, "next": "/"}, timeout=20, trust_env=False)
    cookie = re.match(r"__Host-headgate=[^;]+", answer.headers["set-cookie"])
    assert cookie is not None
    return {"Cookie": cookie[0]}


def make_token(issuer: str, other: str, session: dict[str, str]) -> str:
    """Open the form for a token at the other web and send it to the issuer, for a token that is valid for a day. Return the token."""
    page = httpx.get(f"{other}/ui/tokens", headers=session, timeout=20, trust_env=False)
    field = re.search(rf'name="{CSRF_FIELD}" value="([^"]+)"', page.text)
    assert page.status_code == 200 and field is not None, page.text
    form = {CSRF_FIELD: field[1], "name": "a day", "kind": "api", "scope": "read", "days": "1"}
    with httpx.Client(base_url=issuer, headers=session, timeout=20, trust_env=False) as client:
        created = client.post("/ui/tokens", data=form)
        assert created.status_code == 303, created.text
        shown = {"Cookie": f"{session['Cookie']}; {created.headers['set-cookie'].split(';')[0]}"}
        answer = client.get(created.headers["location"], headers=shown)
    token = re.search(r"hg_api_\w+", answer.text)
    assert token is not None, answer.text
    return token[0]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
