"""Keep pipelines in a folder: with the commands of the page, and watched by a terminal and by `headgate up`."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from pathlib import Path

import httpx

from tests.support import waiting
from tests.support.headgate_command import build_argv
from tests.support.page_blocks import Block
from tests.support.pasted_commands import Shell, build_shell_environment, press_ctrl_c
from tests.support.running_headgate import Headgate, temporary_headgate

ETL = "name: night\nstages:\n- {name: load, command: [cat, here.txt]}\n"


def find_pipelines(headgate: Headgate) -> dict[str, tuple[int, bool]]:
    """Return the revision of each pipeline, and whether it is archived."""
    found = headgate.http.get("/pipelines/?archived=include").json()
    return {each["name"]: (each["revision"], each["archived_at"] is not None) for each in found}


def change_step_by_step(headgate: Headgate, folder: Path) -> None:
    """Edit, break, mend, rename and delete files in a watched folder, and wait after each step until Headgate shows it."""

    def wait_for(name: str, state: tuple[int, bool]) -> None:
        headgate.wait_until(lambda: find_pipelines(headgate).get(name) == state, 60)

    wait_for("night", (1, False))
    (folder / "night.yaml").write_text(ETL.replace("here", "there"))
    wait_for("night", (2, False))
    (folder / "night.yaml").write_text("name: night\nstages: 3\n")
    (folder / "more.yaml").write_text(ETL.replace("name: night", "name: more"))
    wait_for("more", (1, False))
    (folder / "new.yaml").write_text(ETL)
    (folder / "new.yaml").rename(folder / "night.yaml")  # as editors save
    wait_for("night", (3, False))
    (folder / "more.yaml").rename(folder / "renamed.yaml")
    (folder / "night.yaml").unlink()
    wait_for("night", (3, True))
    assert find_pipelines(headgate)["more"] == (1, False)


def test_a_terminal_watches_a_folder(running_headgate: Headgate, tmp_path: Path) -> None:
    folder = tmp_path / "watched"
    folder.mkdir()
    (folder / "night.yaml").write_text(ETL)
    argv = build_argv("apply", str(folder), "--watch", "--prune")
    environment = build_shell_environment(tmp_path) | {"HEADGATE_URL": running_headgate.url}
    with (tmp_path / "output").open("wb") as output:
        watching = subprocess.Popen(argv, env=environment, stdout=output, stderr=output, start_new_session=True)
    try:
        change_step_by_step(running_headgate, folder)
    finally:
        press_ctrl_c(watching)

    assert "night: archived, no longer in watched (night.yaml)" in (tmp_path / "output").read_text()


def test_up_applies_a_folder_and_watches_it(tmp_path: Path) -> None:
    folder, workdir = tmp_path / "pipelines", tmp_path / "work"
    folder.mkdir()
    workdir.mkdir()
    (folder / "night.yaml").write_text(ETL)
    (workdir / "here.txt").write_text("found")
    command = f"exec headgate up {folder} --watch --prune --workdir {workdir}"
    with temporary_headgate(command=command, with_prefect=False) as headgate:
        headgate.start()
        assert find_pipelines(headgate) == {"night": (1, False)}, "ready, and no examples"
        assert headgate.finished(headgate.http.post("/trigger/night").json()["run_id"])["status"] == "completed"
        change_step_by_step(headgate, folder)


def test_a_broken_folder_keeps_up_from_being_ready_until_it_is_mended(tmp_path: Path) -> None:
    folder = tmp_path / "pipelines"
    folder.mkdir()
    (folder / "night.yaml").write_text("name: night\nstages: 3\n")
    mending = threading.Thread(target=lambda: mend(headgate, folder))
    with temporary_headgate(command=f"exec headgate up {folder}", with_prefect=False) as headgate:
        mending.start()
        headgate.start()
        mending.join()
        assert find_pipelines(headgate) == {"night": (1, False)}
        assert "night.yaml: line 2: stages" in headgate.terminal()


def mend(headgate: Headgate, folder: Path) -> None:
    """Wait until the web says that the folder is not applied, then correct the file."""

    def is_refused() -> bool:
        with contextlib.suppress(httpx.TransportError):
            answer = httpx.get(f"{headgate.url}/readyz").json()
            return answer.get("reason") == "pipelines_pending" and "night.yaml: line 2: stages" in answer["detail"]
        return False

    waiting.wait_for(is_refused, 100)
    (folder / "night.yaml").write_text(ETL)


def test_the_commands_of_the_page_work(running_headgate: Headgate, tmp_path: Path, blocks: list[Block]) -> None:
    made, changed, pruned, listed = blocks
    shell = Shell(tmp_path, build_shell_environment(tmp_path) | {"HEADGATE_URL": running_headgate.url})

    assert "2 created" in shell.run(made.text)
    plan = shell.run(changed.text)
    gone = shell.run(pruned.text)
    files = shell.run(listed.text.replace("http://127.0.0.1:8000", running_headgate.url))

    assert "etl: would become revision 2" in plan and "exit code 2" in plan and "etl: revision 2" in plan
    assert "daily: archived, no longer in pipelines (daily.yaml)" in gone
    assert '"file":"etl.yaml","applied_revision":2' in files.replace(" ", "")
    assert running_headgate.http.get("/pipelines/daily").json()["archived_at"] is not None
