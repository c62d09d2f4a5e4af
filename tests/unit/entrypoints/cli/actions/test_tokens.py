"""`headgate token` and `headgate worker-tokens`."""

import json

import pytest

from domain.errors import InvalidInput, NotFound
from entrypoints.cli.actions.tokens import TokenActions
from tests.support.in_process import InProcessHeadgate


@pytest.fixture
async def in_process() -> InProcessHeadgate:
    return InProcessHeadgate()


async def register_worker(in_process: InProcessHeadgate, token: str, name: str, free: int = 4) -> None:
    headers = in_process.api.worker_headers | {"Authorization": f"Bearer {token}"}
    body = {"worker_id": name, "name": name, "pool": "headgate", "slots": 4, "free": free}
    assert (await in_process.client.post("/worker/heartbeat", json=body, headers=headers)).status_code == 200


async def list_lines(actions: TokenActions) -> list[str]:
    return [" ".join(line.split()) for line in await actions.list_of_workers(as_json=False)]


async def test_the_list_shows_the_workers_of_each_token(in_process: InProcessHeadgate) -> None:
    actions = TokenActions(in_process.application)
    assert "No worker tokens yet" in (await list_lines(actions))[0]
    (token,) = await actions.create_for_worker("lab", None)
    await actions.create_for_worker("spare", 30)
    await register_worker(in_process, token, "gone")
    in_process.fakes.clock.advance(60)
    await register_worker(in_process, token, "idle")
    in_process.fakes.clock.advance(1)
    await register_worker(in_process, token, "busy", free=1)

    spare, lab, *workers = await list_lines(actions)
    objects = json.loads("\n".join(await actions.list_of_workers(as_json=True)))

    today = f"{in_process.fakes.clock.now():%Y-%m-%d}"
    assert spare.startswith("spare …") and "expires" in spare and "never used" in spare
    assert lab.startswith("lab …") and f"no expiry used {today}" in lab and lab.endswith("at the terminal")
    assert workers == [
        f"busy online, runs 3 from 127.0.0.1 registered {today}",
        f"idle online, idle from 127.0.0.1 registered {today}",
        f"gone offline from 127.0.0.1 registered {today}",
    ]
    names = [(each["name"], [worker["name"] for worker in each["workers"]]) for each in objects]
    assert names == [("spare", []), ("lab", ["busy", "idle", "gone"])]
    assert objects == (await in_process.client.get("/tokens/")).json()
    assert token not in str(objects)


async def test_a_token_with_many_workers_lists_the_newest(in_process: InProcessHeadgate) -> None:
    actions = TokenActions(in_process.application)
    (token,) = await actions.create_for_worker("pods", None)
    for number in range(12):
        in_process.fakes.clock.advance(1)
        await register_worker(in_process, token, f"pod-{number}")

    lines = await list_lines(actions)

    assert lines[1].split()[0] == "pod-11" and lines[-1] == "and 2 more: --wide lists them"
    assert len(await actions.list_of_workers(as_json=False, wide=True)) == 13


async def test_a_revocation_names_the_workers_that_stop(in_process: InProcessHeadgate, capsys: pytest.CaptureFixture[str]) -> None:
    actions = TokenActions(in_process.application)
    (token,) = await actions.create_for_worker("lab", None)
    await register_worker(in_process, token, "one", free=3)

    (revoked,) = await actions.revoke_of_worker(" lab ", yes=False)

    assert revoked.startswith("Revoked token lab (…")
    assert "Without this token, one stops. Its running stage is killed" in capsys.readouterr().out
    assert "revoked 20" in (await list_lines(actions))[0]
    with pytest.raises(InvalidInput, match="is not the name of an active worker token"):
        await actions.revoke_of_worker("lab", yes=True)
    with pytest.raises(NotFound):
        await actions.revoke(99, yes=True)


async def test_the_name_of_a_revoked_token_can_be_used_again(in_process: InProcessHeadgate) -> None:
    actions = TokenActions(in_process.application)
    await actions.create_for_worker("lab", None)
    with pytest.raises(InvalidInput, match="belongs to an active worker token"):
        await actions.create_for_worker("lab", None)
    await actions.revoke_of_worker("lab", yes=True)

    (token,) = await actions.create_for_worker("lab", None)

    await register_worker(in_process, token, "one")
    new, one, old = await list_lines(actions)
    assert "no expiry" in new and one.startswith("one online") and "revoked" in old
