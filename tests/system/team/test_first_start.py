"""A team's installation, made with the commands of its pages: two web servers behind a proxy with TLS, and two workers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path

import httpx

from tests.support.page_blocks import Block
from tests.support.pasted_commands import replace_each
from tests.support.waiting import wait_for
from tests.system.team.conftest import Site
from tests.system.team.machines import Machine
from tests.system.team.members import ADDRESS, SECONDS, Team

PASSWORD = "four words of mine"
HOLD = """
name: hold
stages:
  - name: hold
    shell: true
    command: pwd > {folder}/started-$HEADGATE_RUN_ID; until test -e {folder}/go-$HEADGATE_RUN_ID; do sleep 0.05; done
"""
"""A pipeline whose stage says where it runs, and continues once a file exists."""


def test_the_pages_lead_to_two_webs_and_two_workers(site: Site, blocks: list[Block], tmp_path: Path) -> None:
    *installation, create_api_token, definition, run = blocks[:11]

    install(site, installation[:6])
    add_workers(site, *installation[6:])
    with contextlib.closing(Team(site)) as team:
        team.use_token(site.server.run(create_api_token.text).strip())
        check_tls_and_sign_in(team)
        run_first_pipeline(team, definition, run)
        held = HeldRuns(team, tmp_path)
        check_nothing_stops_with_a_web(team, held)
        operate(team, held, blocks[11:])


def install(site: Site, blocks: Sequence[Block]) -> None:
    install, copy_units, settings, start, proxy, account = blocks
    server = site.server
    server.run(install.text)
    for machine in site.machines:
        machine.receive_files()
        machine.run(copy_units.text)
    server.run(settings.text)
    server.run(start.text)
    server.receive_certificate(site.certificate)
    server.install_nginx()
    server.run(proxy.text)
    shown = server.shell.run_in_terminal(server.localize(account.text), [("Password: ", PASSWORD), ("confirmation: ", PASSWORD)])
    assert "Created account ada (admin)." in shown


def add_workers(site: Site, create_token: Block, start: Block) -> None:
    for machine in site.workers:
        token = site.server.run(replace_each(create_token.text, {"worker-1": machine.name})).strip()
        machine.run(replace_each(start.text, {"…": token}))


def check_tls_and_sign_in(team: Team) -> None:
    plain = httpx.get(f"http://localhost:{team.site.addresses.http}/ui/runs", trust_env=False)
    foreign = team.browser.get("/", headers={"Host": "elsewhere.example"})
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}
    signed_in = team.browser.post("/ui/sign-in", data={"name": "ada", "password": PASSWORD, "next": "/"}, headers=forged)
    entries = team.browser.get("/audit/").json()

    assert (plain.status_code, plain.headers["location"]) == (301, "https://localhost/ui/runs")
    assert foreign.status_code == 421
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/")
    assert signed_in.headers["set-cookie"].startswith("__Host-headgate=") and "; Secure" in signed_in.headers["set-cookie"]
    assert "strict-transport-security" in signed_in.headers
    assert {entry["address"] for entry in entries if entry["deed"] == "signed_in"} == {ADDRESS}


def run_first_pipeline(team: Team, definition: Block, run: Block) -> None:
    laptop = team.site.server.shell
    (laptop.folder / "hello.yaml").write_text(definition.text)
    team.wait_for_workers(2)

    shown = team.site.server.run(run.text.replace("…", team.token))

    assert "completed" in shown
    (first,) = team.api.get("/pipelines/hello/runs").json()
    wait_for(lambda: team.api.get(f"/runs/{first['id']}").json()["prefect_flow_run_ids"], SECONDS, team.describe)


class HeldRuns:
    """Runs of a pipeline whose stage waits for `release`."""

    def __init__(self, team: Team, folder: Path) -> None:
        self._team, self._folder = team, folder
        answer = team.api.post("/pipelines/", content=HOLD.format(folder=folder), headers={"Content-Type": "application/yaml"})
        assert answer.status_code == 201, answer.text

    def start(self) -> tuple[int, Machine]:
        """Trigger a run. Return its id once its stage runs, and the worker that runs it."""
        run_id = self._team.trigger("hold")
        started = self._folder / f"started-{run_id}"
        work = wait_for(lambda: started.exists() and started.read_text().strip(), SECONDS, lambda: self._describe(run_id))
        (machine,) = [machine for machine in self._team.site.workers if machine.localize("/var/lib/headgate/work") == work]
        return run_id, machine

    def _describe(self, run_id: int) -> str:
        why = [self._team.api.get(f"/runs/{n}/why").text for n in (run_id - 1, run_id)]
        system = self._team.browser.get("/ui/system", headers={"Accept": "text/plain"}).text
        return f"{why}\n{system}\n{self._team.describe()}"

    def release(self, run_id: int) -> None:
        (self._folder / f"go-{run_id}").touch()


def check_nothing_stops_with_a_web(team: Team, held: HeldRuns) -> None:
    """Kill each web while both workers run a stage. Everything goes on, and what was streamed continues where it was."""
    for web in ("headgate-web@8001", "headgate-web@8002"):
        runs = [held.start() for _ in team.site.workers]
        assert {machine.name for _, machine in runs} == {"worker-1", "worker-2"}
        run_id, _ = runs[0]
        seen = next(team.follow(run_id))

        team.site.server.kill(web)
        for each, _ in runs:
            held.release(each)
            team.wait_until_completed(each)
        assert next(team.follow(run_id, seen)) == seen + 1
        assert team.browser.get("/ui/runs", headers={"Accept": "text/html"}).status_code == 200
        team.site.server.run(f"systemctl start {web}")
        wait_until_ready(team, web)


def wait_until_ready(team: Team, web: str) -> None:
    """systemd starts a killed web again by itself (Restart=always)."""
    url = team.site.server.localize(f"http://127.0.0.1:{web.partition('@')[2]}/readyz")
    team.site.server.shell.run(f"curl -fsS --retry 60 --retry-delay 1 --retry-all-errors {url}")


def operate(team: Team, held: HeldRuns, blocks: Sequence[Block]) -> None:
    watch, back_up, restore, stop_worker, restart, start_worker, add_prefect_worker, batch = blocks
    assert team.site.server.run(watch.text).count('"prefect":"up"') == 2
    check_prefects_own_worker(team, add_prefect_worker, batch)
    check_restore(team, back_up, restore)
    check_upgrade(team, held, stop_worker, restart, start_worker)
    check_a_revoked_worker_leaves(team)


def check_prefects_own_worker(team: Team, add: Block, definition: Block) -> None:
    team.site.server.run(add.text)
    answer = team.api.post("/pipelines/", content=definition.text, headers={"Content-Type": "application/yaml"})
    assert answer.status_code == 201, answer.text

    run_id = team.trigger("report")

    team.wait_until_completed(run_id)
    assert len(team.api.get(f"/runs/{run_id}").json()["prefect_flow_run_ids"]) == 1


def check_restore(team: Team, back_up: Block, restore: Block) -> None:
    """A pipeline and a run that were created after the backup are gone, and everything else is there. A new run has another id."""
    team.site.server.run(back_up.text)
    later = team.api.post("/pipelines/", json={"name": "later", "stages": [{"name": "a", "kind": "external"}]})
    assert later.status_code == 201, later.text
    lost = team.trigger("hello")
    team.wait_until_completed(lost)

    team.site.server.run(restore.text)

    for web in ("headgate-web@8001", "headgate-web@8002"):
        wait_until_ready(team, web)
    assert {pipeline["name"] for pipeline in team.api.get("/pipelines/").json()} == {"hello", "hold", "report"}
    team.wait_for_workers(2)
    assert team.api.get(f"/runs/{lost}").status_code == 404
    run_id = team.trigger("hello")
    assert run_id > lost
    team.wait_until_completed(run_id)


def check_upgrade(team: Team, held: HeldRuns, stop_worker: Block, restart: Block, start_worker: Block) -> None:
    """A stopped worker finishes its stage, and runs that are triggered meanwhile wait for it."""
    run_id, busy = held.start()
    (idle,) = [machine for machine in team.site.workers if machine is not busy]
    idle.run(stop_worker.text)
    stopping = threading.Thread(target=busy.run, args=(stop_worker.text,))
    stopping.start()
    wait_for(busy.manager.get_stop_file("headgate-worker.service").exists, SECONDS, team.describe)
    held.release(run_id)
    stopping.join(SECONDS)
    team.wait_until_completed(run_id)
    waiting = team.trigger("hello")

    team.site.server.run(restart.text)
    for machine in team.site.workers:
        machine.run(start_worker.text)

    team.wait_until_completed(waiting)


def check_a_revoked_worker_leaves(team: Team) -> None:
    """It ends, and the other worker goes on."""
    _, worker = team.site.workers

    team.site.server.run(f"set -a && . /etc/headgate/web.env && set +a\nheadgate worker-tokens revoke {worker.name}")

    # It no longer counts from now on, but it gets stages for up to a second.
    wait_for(lambda: worker.manager.read_pid("headgate-worker.service") is None, SECONDS, team.describe)
    team.wait_for_workers(1)
    team.wait_until_completed(team.trigger("hello"))
