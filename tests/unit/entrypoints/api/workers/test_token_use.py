"""The audit log, the API and the pages show the workers that use a token."""

from datetime import timedelta
from typing import Any

import pytest

from application.ports.dispatch.worker_messages import StopRun
from tests.support.event_streams import open_stream
from tests.support.in_process import InProcessHeadgate
from tests.support.waiting import eventually
from tests.support.worker_requests import send_heartbeat
from tests.unit.entrypoints.web.pages.alerts.test_incidents import get_text

PLAIN = {"Accept": "text/plain"}
QUERY = "worker_id=w&name=lab-2&pool=gpu&slots=4&free=4&version=1"


class TokenUser:
    """A worker that uses a worker token of its own."""

    def __init__(self, headgate: InProcessHeadgate, created: dict[str, Any]) -> None:
        self.token_id, self._headgate = created["id"], headgate
        self.headers = headgate.api.worker_headers | {"Authorization": f"Bearer {created['token']}"}

    async def send_heartbeat(self, worker_id: str = "w", name: str = "lab-2", free: int = 4) -> int:
        body = {"worker_id": worker_id, "name": name, "pool": "gpu", "slots": 4, "free": free}
        return (await self._headgate.client.post("/worker/heartbeat", json=body, headers=self.headers)).status_code


async def create_worker_token(headgate: InProcessHeadgate, name: str = "lab") -> TokenUser:
    created = await headgate.client.post("/tokens/", json={"name": name, "kind": "worker"})
    return TokenUser(headgate, created.json())


async def test_the_first_use_of_a_token_by_a_worker_name_is_audited(headgate: InProcessHeadgate) -> None:
    worker = await create_worker_token(headgate)

    for worker_id, name in (("a", "lab-2"), ("a", "lab-2"), ("b", "lab-2"), ("c", "lab-3")):
        assert await worker.send_heartbeat(worker_id, name) == 200
    await send_heartbeat(headgate)

    entries = [each for each in (await headgate.client.get("/audit/")).json() if each["deed"] == "worker_registered"]
    assert [entry["details"] for entry in entries] == [{"worker": name, "pool": "gpu"} for name in ("lab-3", "lab-2")]
    facts = {(entry["who"], entry["way"], entry["thing"], entry["address"]) for entry in entries}
    assert facts == {("token lab", "worker", f"token {worker.token_id}", "127.0.0.1")}


async def test_a_worker_cannot_take_the_id_of_a_worker_with_another_token(headgate: InProcessHeadgate) -> None:
    worker, other = await create_worker_token(headgate), await create_worker_token(headgate, "other")
    await worker.send_heartbeat()

    assert await other.send_heartbeat() == 409
    assert await worker.send_heartbeat(name="another name") == 409
    stream = await headgate.client.get(f"/worker/stream?{QUERY}", headers=other.headers)
    assert (stream.status_code, stream.json()["problem"]) == (409, "worker_id_taken")
    await headgate.client.post("/worker/leave", json={"worker_id": "w"}, headers=other.headers)
    assert set(headgate.fakes.store.committed.workers) == {"w"}
    await headgate.client.post("/worker/leave", json={"worker_id": "w"}, headers=worker.headers)
    assert headgate.fakes.store.committed.workers == {}


async def test_pages_and_api_show_the_workers_of_a_token_until_it_is_revoked(headgate: InProcessHeadgate) -> None:
    worker = await create_worker_token(headgate)
    page = f"/ui/tokens/{worker.token_id}"
    assert "No worker has used it yet. No worker that is online uses this token." in await get_text(headgate, page)
    await worker.send_heartbeat(free=3)
    await worker.send_heartbeat("b", "lab-3")

    sentence = "Without this token, lab-2 and lab-3 stop. Their running stage is killed, and lost when its lease expires."
    shown, listed = await get_text(headgate, page), await get_text(headgate, "/ui/tokens")
    assert "lab-2 online, 1 running stage 127.0.0.1" in shown and sentence in shown
    assert (
        "by lab-2 and lab-3" in listed
        and "Revoke lab" in listed
        and f'href="{page}">Revoke' in (await headgate.page_client.get("/ui/tokens")).text
    )
    assert "lab-2 gpu 4 3 lab " in await get_text(headgate, "/ui/system")
    revoked = (await headgate.client.delete(f"/tokens/{worker.token_id}")).json()
    states = [(each["name"], each["is_online"], each["running_stages"]) for each in revoked["workers"]]
    assert states == [("lab-2", True, 1), ("lab-3", True, 0)]
    assert await worker.send_heartbeat() == 401

    assert "Stopping: its token was revoked" in await get_text(headgate, "/ui/system")
    assert (await headgate.client.get("/readyz")).json()["workers"]["count"] == 0
    headgate.fakes.clock.advance(60)
    assert "Offline: its token was revoked" in await get_text(headgate, "/ui/system")
    text = (await headgate.page_client.get("/ui/system", headers=PLAIN)).text
    rows = [" ".join(line.split()) for line in text.splitlines() if line.startswith("lab-")]
    assert rows == [f"{name} gpu 4 0 lab offline: its token was revoked" for name in ("lab-2", "lab-3")]


async def test_the_system_page_warns_before_a_worker_token_expires(headgate: InProcessHeadgate) -> None:
    body = {"name": "lab", "kind": "worker", "expires_at": f"{headgate.fakes.clock.now() + timedelta(days=10):%Y-%m-%dT%H:%M:%SZ}"}
    worker = TokenUser(headgate, (await headgate.client.post("/tokens/", json=body)).json())
    await worker.send_heartbeat()
    assert "expires on" not in await get_text(headgate, "/ui/system")

    headgate.fakes.clock.advance(4 * 86_400)
    await worker.send_heartbeat()

    text = await get_text(headgate, "/ui/system")
    assert "Token lab expires on 12 Mar 2026, and its workers stop then" in text
    assert "Needs attention: Workers." in text


@pytest.mark.parametrize("ending", ["revoked", "expired"])
async def test_the_stream_of_an_ended_token_is_closed(headgate: InProcessHeadgate, ending: str) -> None:
    body = {"name": "lab", "kind": "worker", "expires_at": f"{headgate.fakes.clock.now().year + 1}-01-01T00:00:00Z"}
    worker = TokenUser(headgate, (await headgate.client.post("/tokens/", json=body)).json())
    headers = {key.lower(): value for key, value in worker.headers.items()} | {"accept": "*/*"}

    async with open_stream(headgate, "/worker/stream", headers, QUERY) as stream:
        await stream.until('{"type":"ping"}\n')
        await eventually(lambda: headgate.fakes.worker_streams.push("w", StopRun(1)))
        await headgate.application.token_stream_closer().run_once()
        assert headgate.fakes.worker_streams.push("w", StopRun(2))

        if ending == "revoked":
            await headgate.client.delete(f"/tokens/{worker.token_id}")
        else:
            headgate.fakes.clock.advance(2 * 366 * 86_400)
        await headgate.application.token_stream_closer().run_once()

        assert not headgate.fakes.worker_streams.push("w", StopRun(3))
