"""Keep pipelines in a folder: with the commands of the page, and watched by a terminal and by `headgate up`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.chaos.relay import Relay
from tests.support.page_blocks import Block
from tests.support.pasted_commands import Shell, build_shell_environment
from tests.support.running_headgate import START_SECONDS, Headgate, temporary_headgate

SECONDS = 90
ETL = "name: night\nstages:\n- {name: load, command: [cat, here.txt]}\n"


def find_pipelines(headgate: Headgate) -> dict[str, tuple[int, bool]]:
    """Return the revision of each pipeline, and whether it is archived."""
    found = headgate.http.get("/pipelines/?archived=include").json()
    return {each["name"]: (each["revision"], each["archived_at"] is not None) for each in found}


def change_step_by_step(headgate: Headgate, folder: Path, read_output: Callable[[], str]) -> None:
    """Change, break and mend a watched folder, and wait after each step until Headgate shows it."""

    def wait_for(name: str, state: tuple[int, bool]) -> None:
        headgate.wait_until(lambda: find_pipelines(headgate).get(name) == state, SECONDS)

    wait_for("night", (1, False))
    (folder / "night.yaml").write_text(ETL.replace("here", "there"))
    wait_for("night", (2, False))
    (folder / "night.yaml").write_text("name: night\nstages: 3\n")
    (folder / "more.yaml").write_text(ETL.replace("name: night", "name: more"))
    wait_for("more", (1, False))
    headgate.wait_until(lambda: "1 definition was refused. Valid definitions are applied all the same" in read_output(), SECONDS)
    (folder / "new.yaml").write_text(ETL)
    (folder / "new.yaml").rename(folder / "night.yaml")  # as editors save
    wait_for("night", (3, False))
    (folder / "more.yaml").rename(folder / "renamed.yaml")
    (folder / "night.yaml").unlink()
    wait_for("night", (3, True))
    assert find_pipelines(headgate)["more"] == (1, False)
    (folder / "renamed.yaml").unlink()
    folder.rmdir()
    headgate.wait_until(lambda: "No such file or directory" in read_output(), SECONDS)
    assert find_pipelines(headgate)["more"] == (1, False), "a folder that is missing archives nothing"
    folder.mkdir()
    (folder / "renamed.yaml").write_text(ETL.replace("name: night", "name: more").replace("here", "there"))
    wait_for("more", (2, False))


def test_a_terminal_watches_a_folder_also_while_the_server_is_away(running_headgate: Headgate, tmp_path: Path) -> None:
    folder, log = tmp_path / "watched", tmp_path / "output"
    folder.mkdir()
    (folder / "night.yaml").write_text(ETL)
    relay = Relay(running_headgate.port)
    server = f"http://127.0.0.1:{relay.port}"
    shell = Shell(tmp_path, build_shell_environment(tmp_path) | {"HEADGATE_URL": server})
    with shell.running(f"exec headgate apply {folder} --watch --prune", log):
        change_step_by_step(running_headgate, folder, log.read_text)
        relay.cut()
        (folder / "renamed.yaml").write_text(ETL.replace("name: night", "name: more"))
        running_headgate.wait_until(lambda: "Trying again until it responds." in log.read_text(), SECONDS)
        relay.resume()
        running_headgate.wait_until(lambda: f"{server} responds again." in log.read_text(), SECONDS)
        assert find_pipelines(running_headgate)["more"] == (3, False)
    relay.stop()

    shown = log.read_text()
    watching = f"Watching {folder}: files are applied to {server} when they change. Ctrl-C stops."
    assert shown.splitlines()[:2] == [watching, f"night: created, 1 stage  ({folder}/night.yaml)"]
    assert "night: archived, no longer in watched (night.yaml)" in shown
    assert shown.count("does not respond") == 1


def test_up_names_what_is_wrong_in_a_folder_then_applies_and_watches_it(tmp_path: Path) -> None:
    folder, workdir = tmp_path / "pipelines", tmp_path / "work"
    folder.mkdir()
    workdir.mkdir()
    (folder / "night.yaml").write_text("name: night\nstages: 3\n")
    (workdir / "here.txt").write_text("found")
    command = f"exec headgate up {folder} --watch --prune --workdir {workdir}"
    with temporary_headgate(command=command, with_prefect=False) as headgate:
        headgate.launch()
        mend(headgate, folder)
        headgate.wait_until_ready()
        headgate.wait_until(lambda: "ready: open" in headgate.terminal(), SECONDS)
        assert find_pipelines(headgate) == {"night": (1, False)}, "no examples"
        assert headgate.finished(headgate.http.post("/trigger/night").json()["run_id"])["status"] == "completed"
        change_step_by_step(headgate, folder, headgate.terminal)


def mend(headgate: Headgate, folder: Path) -> None:
    """Wait until the terminal and /readyz say what is wrong and where, then correct the file."""
    problem = "The folder of pipelines is not applied. night.yaml: line 2: stages: must be a list"
    headgate.wait_until(lambda: f"not ready: {problem}" in headgate.terminal(), START_SECONDS)
    answer = headgate.http.get("/readyz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "pipelines_pending")
    assert problem in answer.json()["detail"] and "ready: open" not in headgate.terminal()
    (folder / "night.yaml").write_text(ETL)


def test_the_commands_of_the_page_work(running_headgate: Headgate, tmp_path: Path, blocks: list[Block]) -> None:
    made, changed, pruned, checked, listed = blocks
    shell = Shell(tmp_path, build_shell_environment(tmp_path) | {"HEADGATE_URL": running_headgate.url})

    assert "2 created" in shell.run(made.text)
    plan = shell.run(changed.text)
    gone = shell.run(pruned.text)
    written = shell.run(f"{{ {checked.text} }} 2>&1")
    files = shell.run(listed.text.replace("http://127.0.0.1:8000", running_headgate.url))

    assert "etl: would become revision 2" in plan and "exit code 2" in plan and "etl: revision 2" in plan
    assert "daily: archived, no longer in pipelines (daily.yaml)" in gone
    assert "first.yaml" in written and "Checked 2 definitions: no problems." in written
    assert '"file":"etl.yaml","applied_revision":2' in files.replace(" ", "")
    assert running_headgate.http.get("/pipelines/daily").json()["archived_at"] is not None
