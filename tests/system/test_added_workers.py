"""Workers that join a running Headgate from another machine."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.page_blocks import Block
from tests.support.pasted_commands import Shell, build_shell_environment, replace_each
from tests.support.running_headgate import START_SECONDS, Headgate


def test_workers_on_another_machine_join_and_serve_another_pool(running_headgate: Headgate, blocks: list[Block], tmp_path: Path) -> None:
    print_token, join, join_several, start, join_pool, definition = blocks
    assert start.text == running_headgate.command
    running_headgate.wait_for_prefect()
    token = running_headgate.build_shell().run(print_token.text).strip()
    machine = build_other_machine(running_headgate, tmp_path)
    with running_headgate.build_prefect_client() as prefect:
        prefect_api = str(prefect.base_url).rstrip("/")
        addresses = {"https://headgate.example.com": running_headgate.url, "…": token, "http://prefect.internal:4200/api": prefect_api}
        commands = replace_each(join.text, addresses)
        variables = commands.removesuffix("headgate worker\n")
        webs = {"http://web-1.internal:8000": "http://127.0.0.1:9", "http://web-2.internal:8000": running_headgate.url}

        with machine.running(variables + join_pool.text, tmp_path / "pool.log"):
            with (
                machine.running(commands, tmp_path / "worker.log"),
                machine.running(variables + replace_each(join_several.text, webs), tmp_path / "several.log"),
            ):
                running_headgate.wait_until(lambda: count_workers(running_headgate) == 4, START_SECONDS)
                listed = running_headgate.http.get("/ui/system", headers={"Accept": "text/plain"}).text
            run_pipeline(running_headgate, machine, definition)
            running_headgate.wait_until(lambda: prefect.get("/work_pools/gpu").is_success, START_SECONDS)

    assert sorted(re.findall(r"^other-machine +(\w+) +4 +4", listed, re.MULTILINE)) == ["gpu", "headgate", "headgate"]
    assert (machine.folder / "trained").exists()
    running_headgate.wait_until(lambda: count_workers(running_headgate) == 1, START_SECONDS)


def build_other_machine(headgate: Headgate, folder: Path) -> Shell:
    """Return a terminal on another machine: in a folder of its own, without the secret of Headgate's home."""
    machine = folder / "machine"
    machine.mkdir()
    (machine / "train.sh").write_text("touch trained\n")
    password = (headgate.home / "prefect-password").read_text().strip()
    own = {
        "HEADGATE_PREFECT_API_AUTH_STRING": f"headgate:{password}",
        "HEADGATE_WORKER_NAME": "other-machine",
        "HEADGATE_WORKER_SLOTS": "4",
    }
    return Shell(machine, build_shell_environment(folder) | own)


def run_pipeline(headgate: Headgate, machine: Shell, definition: Block) -> None:
    (machine.folder / "train.yaml").write_text(definition.text)
    headgate.build_shell().run(f"headgate apply {machine.folder}/train.yaml")

    run = headgate.finished(headgate.trigger("train"))

    assert run["status"] == "completed", run


def count_workers(headgate: Headgate) -> int:
    return int(headgate.readiness().get("workers", {}).get("count", 0))
