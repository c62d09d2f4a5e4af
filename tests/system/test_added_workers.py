"""Workers that join a running Headgate from another machine."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

from tests.support.page_blocks import Block
from tests.support.pasted_commands import Shell, build_shell_environment, replace_each
from tests.support.running_headgate import START_SECONDS, Headgate
from tests.unit.entrypoints.worker.stage_runner import is_running


def test_workers_on_another_machine_join_and_serve_another_pool(running_headgate: Headgate, blocks: list[Block], tmp_path: Path) -> None:
    create_token, join, revoke, join_several, start, join_pool, definition = blocks
    assert start.text == running_headgate.command
    running_headgate.wait_for_prefect()
    token = running_headgate.build_shell().run(create_token.text).strip()
    machine = build_other_machine(tmp_path)
    with running_headgate.build_prefect_client() as prefect:
        addresses = {"https://headgate.example.com": running_headgate.url, "…": token}
        commands = replace_each(join.text, addresses)
        variables = commands.removesuffix("headgate worker\n")
        webs = {"http://web-1.internal:8000": "http://127.0.0.1:9", "http://web-2.internal:8000": running_headgate.url}

        with machine.running(variables + show_exit_code(join_pool.text), tmp_path / "pool.log"):
            with (
                machine.running(commands, tmp_path / "worker.log"),
                machine.running(variables + replace_each(join_several.text, webs), tmp_path / "several.log"),
            ):
                running_headgate.wait_until(lambda: count_workers(running_headgate) == 4, START_SECONDS)
                listed = read_system(running_headgate)
            run_pipeline(running_headgate, machine, definition)
            running_headgate.wait_until(lambda: find_flow_run_states(prefect, "train#1") == ["COMPLETED"], START_SECONDS)
            stage = start_long_stage(running_headgate, machine)
            revoked = running_headgate.build_shell().run(revoke.text)
            running_headgate.wait_until(lambda: "exit code 77" in (tmp_path / "pool.log").read_text(), START_SECONDS)
            running_headgate.wait_until(lambda: not is_running(stage), START_SECONDS)

    assert sorted(re.findall(r"^other-machine +(\w+) +4 +4 +lab-2 +online", listed, re.MULTILINE)) == ["gpu", "headgate", "headgate"]
    assert len(re.findall(r"^\S+ +headgate .*derived from HEADGATE_SECRET +online", listed, re.MULTILINE)) == 1
    assert (machine.folder / "trained").exists()
    assert re.search(r"^  other-machine +online, runs 1 +from 127\.0\.0\.1", revoked, re.MULTILINE)
    assert "Without this token, other-machine stops. Its running stage is killed" in revoked
    assert "Headgate rejects the token of this worker (401" in (tmp_path / "pool.log").read_text()
    assert token not in running_headgate.terminal() + "".join(log.read_text() for log in tmp_path.glob("*.log"))
    assert re.search(r"^other-machine +gpu .*: its token was revoked$", read_system(running_headgate), re.MULTILINE)
    assert count_workers(running_headgate) == 1


def read_system(headgate: Headgate) -> str:
    return headgate.http.get("/ui/system", headers={"Accept": "text/plain"}).text


def show_exit_code(commands: str) -> str:
    return f'{commands.rstrip()} || echo "exit code $?"\n'


def start_long_stage(headgate: Headgate, machine: Shell) -> int:
    """Run a stage in the pool `gpu` that does not end. Return the id of its process."""
    started = machine.folder / "started"
    command = f"echo $$ > {started}.new; mv {started}.new {started}; exec sleep 600"
    stages = [{"name": "hold", "command": ["sh", "-c", command]}]
    headgate.create("hold", stages, pool="gpu")
    headgate.trigger("hold")
    # The heartbeat after its start says that a slot is in use.
    headgate.wait_until(lambda: re.search(r"^other-machine +gpu +4 +3 ", read_system(headgate), re.MULTILINE), START_SECONDS)
    return int(started.read_text())


def find_flow_run_states(prefect: httpx.Client, name: str) -> list[str]:
    answer = prefect.post("/flow_runs/filter", json={"flow_runs": {"name": {"any_": [name]}}})
    return [flow_run["state_type"] for flow_run in answer.json()]


def build_other_machine(folder: Path) -> Shell:
    """Return a terminal on another machine: in a folder of its own, without the secret of Headgate's home."""
    machine = folder / "machine"
    machine.mkdir()
    (machine / "train.sh").write_text("touch trained\n")
    own = {"HEADGATE_WORKER_NAME": "other-machine", "HEADGATE_WORKER_SLOTS": "4"}
    return Shell(machine, build_shell_environment(folder) | own)


def run_pipeline(headgate: Headgate, machine: Shell, definition: Block) -> None:
    (machine.folder / "train.yaml").write_text(definition.text)
    headgate.build_shell().run(f"headgate apply {machine.folder}/train.yaml")

    run = headgate.finished(headgate.trigger("train"))

    assert run["status"] == "completed", run


def count_workers(headgate: Headgate) -> int:
    return int(headgate.readiness().get("workers", {}).get("count", 0))
