"""`headgate apply FOLDER` against a real API on fakes: plans, pruning, and changes since the file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.access.actor import Actor
from tests.support.in_process import InProcessHeadgate
from tests.support.servers import ThreadServer
from tests.unit.entrypoints.cli.conftest import CommandResult, RunCommand

ETL = "# Nightly\nname: etl\nstages:\n- {name: load, command: [echo, one]}\n"
DAILY = "name: daily\nstages:\n- {name: load, command: [echo, two]}\n"


@pytest.fixture
def served() -> Iterator[ThreadServer]:
    with InProcessHeadgate().serve_in_thread() as served:
        yield served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pipelines"
    (folder / "sales").mkdir(parents=True)
    (folder / "etl.yaml").write_text(ETL)
    (folder / "sales" / "daily.yaml").write_text(DAILY)
    return folder


@pytest.fixture
def apply(headgate: RunCommand, served: ThreadServer, folder: Path) -> Any:
    """Apply the folder with more options."""

    def run(*options: str) -> CommandResult:
        return headgate("apply", "pipelines", *options, url=served.url)

    return run


def list_pipelines(served: ThreadServer) -> dict[str, tuple[int, bool]]:
    """Return the revision of each pipeline, and whether it is archived."""
    rows = served.headgate.fakes.store.committed.pipelines.values()
    return {row.name: (row.revision, row.activation.archived_at is not None) for row in rows}


def edit(served: ThreadServer, name: str, text: str) -> None:
    """Change the pipeline as ada does in the editor."""
    raw = {"name": name, "stages": [{"name": "load", "command": ["echo", text]}]}
    served.do(served.headgate.application.change_pipeline()(name, raw, actor=Actor("ada")))


def test_a_plan_changes_nothing_and_its_exit_code_says_whether_anything_would(apply: Any, served: ThreadServer, folder: Path) -> None:
    plan = apply("--plan")
    assert (plan.returncode, plan.stderr) == (2, "")
    assert "etl: would be created, 1 stage  (pipelines/etl.yaml)\n" in plan.stdout
    assert "Plan: 2 created\n" in plan.stdout
    assert list_pipelines(served) == {}

    assert apply().returncode == 0
    same = apply("--plan", "--prune")
    assert (same.returncode, "Plan: 2 unchanged\n" in same.stdout) == (0, True)

    (folder / "etl.yaml").write_text(ETL.replace("one", "three"))
    changed = apply("--plan")
    assert changed.returncode == 2
    assert "etl: would become revision 2  (pipelines/etl.yaml)\n    changed stage load" in changed.stdout
    assert "    -- {name: load, command: [echo, one]}\n    +- {name: load, command: [echo, three]}\n" in changed.stdout
    assert list_pipelines(served) == {"etl": (1, False), "daily": (1, False)}


def test_pruning_archives_what_the_folder_no_longer_defines_and_nothing_else(apply: Any, served: ThreadServer, folder: Path) -> None:
    served.do(served.headgate.application.create_pipeline()({"name": "by-hand", "stages": [{"name": "a", "command": ["true"]}]}))
    apply()
    (folder / "sales" / "daily.yaml").unlink()
    (folder / "etl.yaml").rename(folder / "renamed.yaml")

    plan, kept = apply("--plan", "--prune"), apply()
    assert plan.returncode == 2
    assert "daily: would be archived, no longer in pipelines (sales/daily.yaml)\n" in plan.stdout
    assert (kept.returncode, list_pipelines(served)["daily"]) == (0, (1, False))

    pruned = apply("--prune")
    assert "daily: archived, no longer in pipelines (sales/daily.yaml)\n" in pruned.stdout
    assert list_pipelines(served) == {"etl": (1, False), "daily": (1, True), "by-hand": (1, False)}
    assert apply("--plan", "--prune").returncode == 0

    (folder / "daily.yaml").write_text(DAILY.replace("two", "four"))
    again = apply("--prune")
    assert "daily is archived, and stays archived. Unarchive it to run it." in again.stderr
    assert list_pipelines(served)["daily"] == (2, True)


def test_nothing_is_archived_if_a_definition_is_refused_or_none_is_left(apply: Any, served: ThreadServer, folder: Path) -> None:
    apply()
    (folder / "etl.yaml").write_text("name: etl\nstages: 3\n")
    (folder / "sales" / "daily.yaml").unlink()
    refused = apply("--prune")
    assert refused.returncode == 1
    rule = "1 definition was refused. Valid definitions are applied all the same; nothing is archived until all are valid."
    assert refused.stderr.endswith(f"headgate: {rule}\n")
    assert "1 definition would be refused. Valid definitions" in apply("--plan", "--prune").stderr

    (folder / "etl.yaml").write_text("# moved\n")
    apply("--prune")
    (folder / "other.yaml").write_text(ETL.replace("name: etl", "name: other"))
    kept = apply("--prune")
    assert "etl: not archived, because etl.yaml is there and no definition" in kept.stderr
    assert list_pipelines(served) == {"etl": (1, False), "daily": (1, True), "other": (1, False)}


def test_a_renamed_pipeline_is_created_and_the_old_one_archived(apply: Any, served: ThreadServer, folder: Path) -> None:
    apply()
    (folder / "etl.yaml").write_text(ETL.replace("name: etl", "name: nightly"))

    assert apply("--prune").returncode == 0

    assert list_pipelines(served) == {"etl": (1, True), "daily": (1, False), "nightly": (1, False)}


def test_a_change_by_a_person_is_shown_until_the_file_replaces_it(
    apply: Any, served: ThreadServer, folder: Path, headgate: RunCommand
) -> None:
    apply()
    edit(served, "etl", "five")

    plan = apply("--plan")
    assert "etl: changed by ada since the file, in revision 2  (etl.yaml)\n" in plan.stdout
    assert plan.returncode == 2

    assert apply().returncode == 0
    assert list_pipelines(served)["etl"] == (3, False)
    assert "since the file" not in apply("--plan").stdout


def test_a_pipeline_of_another_folder_is_refused(apply: Any, served: ThreadServer, folder: Path, headgate: RunCommand) -> None:
    apply()
    (folder.parent / "copies").mkdir()
    (folder.parent / "copies" / "etl.yaml").write_text(ETL)

    other = headgate("apply", "copies", url=served.url)
    assert other.returncode == 1
    assert "etl is applied from etl.yaml of the source pipelines." in other.stderr
    assert headgate("apply", "copies", "--source", "pipelines", url=served.url).returncode == 0


def test_a_plan_without_a_server_is_no_plan_that_changes_something(headgate: RunCommand, folder: Path) -> None:
    result = headgate("apply", "pipelines", "--plan", url="http://127.0.0.1:9")

    assert (result.returncode, "does not respond" in result.stderr) == (1, True)


def test_pruning_needs_a_folder(headgate: RunCommand, served: ThreadServer, folder: Path) -> None:
    result = headgate("apply", "pipelines/etl.yaml", "--prune", "--source", "pipelines", url=served.url)

    assert (result.returncode, "--prune needs one folder" in result.stderr) == (2, True)


def test_a_folder_that_does_not_exist_cannot_be_watched(headgate: RunCommand, served: ThreadServer) -> None:
    result = headgate("apply", "absent", "--watch", url=served.url)

    assert (result.returncode, "absent does not exist" in result.stderr) == (2, True)
