"""The web applies a folder of definitions by itself."""

import asyncio
from pathlib import Path

import pytest

from entrypoints.http.folder_applier import FolderApplier
from tests.support.in_process import InProcessHeadgate

ETL = "# Nightly\nname: etl\nstages:\n- {name: load, command: [echo, one]}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pipelines"
    folder.mkdir()
    (folder / "etl.yaml").write_text(ETL)
    return folder


def list_pipelines(headgate: InProcessHeadgate) -> dict[str, tuple[int, bool]]:
    """Return the revision of each pipeline, and whether it is archived."""
    rows = headgate.fakes.store.committed.pipelines.values()
    return {row.name: (row.revision, row.activation.archived_at is not None) for row in rows}


async def apply(applier: FolderApplier) -> None:
    """Look at the folder twice: a change is applied if it is still there."""
    await applier.run_once()
    await applier.run_once()


async def test_a_folder_is_applied_again_only_when_it_changes(folder: Path) -> None:
    headgate = InProcessHeadgate()
    applier = FolderApplier(headgate.application, folder, prune=True)
    for _ in range(3):
        await apply(applier)
    assert list(applier.problems) == []
    assert list_pipelines(headgate) == {"etl": (1, False)}
    audited = len(headgate.fakes.store.committed.audit)

    await FolderApplier(headgate.application, folder, prune=True).run_once()
    assert len(headgate.fakes.store.committed.audit) == audited, "an unchanged folder leaves no trace"

    (folder / "etl.yaml").write_text(ETL.replace("one", "another"))
    (folder / "more.yaml").write_text(ETL.replace("name: etl", "name: more"))
    await apply(applier)
    assert list_pipelines(headgate) == {"etl": (2, False), "more": (1, False)}

    (folder / "more.yaml").unlink()
    await apply(applier)
    assert list_pipelines(headgate) == {"etl": (2, False), "more": (1, True)}


async def test_a_refused_definition_is_named_with_its_file_and_stops_pruning(folder: Path) -> None:
    headgate = InProcessHeadgate()
    applier = FolderApplier(headgate.application, folder, prune=True)
    (folder / "gone.yaml").write_text(ETL.replace("name: etl", "name: gone"))
    await apply(applier)
    (folder / "gone.yaml").unlink()
    (folder / "wrong.yaml").write_text("name: wrong\nstages:\n- {name: a, command: [], retries: -1}\n")
    (folder / "copy.yaml").write_text(ETL)

    await apply(applier)
    assert any("wrong.yaml" in problem and "retries" in problem for problem in applier.problems)
    assert any("etl is also defined in" in problem for problem in applier.problems)
    assert list_pipelines(headgate) == {"etl": (1, False), "gone": (1, False)}

    (folder / "wrong.yaml").unlink()
    (folder / "copy.yaml").unlink()
    await apply(applier)
    assert list(applier.problems) == []
    assert list_pipelines(headgate) == {"etl": (1, False), "gone": (1, True)}


async def test_a_folder_that_defines_nothing_archives_nothing(folder: Path) -> None:
    headgate = InProcessHeadgate()
    applier = FolderApplier(headgate.application, folder, prune=True)
    await apply(applier)
    (folder / "etl.yaml").unlink()

    await apply(applier)

    assert list_pipelines(headgate) == {"etl": (1, False)}


async def test_a_name_that_two_files_define_adds_no_revision(folder: Path) -> None:
    headgate = InProcessHeadgate()
    applier = FolderApplier(headgate.application, folder, prune=True)
    await apply(applier)
    (folder / "copy.yaml").write_text(ETL.replace("one", "another"))

    for _ in range(3):
        await apply(applier)

    assert list_pipelines(headgate) == {"etl": (1, False)}
    assert any("etl is also defined in" in problem for problem in applier.problems)


async def test_a_file_that_is_missing_for_a_moment_is_not_pruned(folder: Path) -> None:
    headgate = InProcessHeadgate()
    applier = FolderApplier(headgate.application, folder, prune=True)
    text = ETL.replace("name: etl", "name: more")
    (folder / "more.yaml").write_text(text)
    await apply(applier)
    (folder / "more.yaml").unlink()
    await applier.run_once()
    (folder / "more.yaml").write_text(text)
    await apply(applier)

    assert list_pipelines(headgate)["more"] == (1, False)


async def test_a_refused_file_does_not_undo_the_changes_of_people_to_others(folder: Path) -> None:
    headgate = InProcessHeadgate()
    applier = FolderApplier(headgate.application, folder, prune=False)
    (folder / "wrong.yaml").write_text("name: wrong\nstages: 3\n")
    await applier.run_once()
    definition = {"name": "etl", "stages": [{"name": "load", "command": ["echo", "by hand"]}]}
    await headgate.application.change_pipeline()("etl", definition)

    await apply(applier)

    assert list_pipelines(headgate) == {"etl": (2, False)}


async def test_a_problem_names_the_line_in_its_file(folder: Path) -> None:
    (folder / "wrong.yaml").write_text(ETL + "---\n" + ETL.replace("name: etl", "name: wrong").replace("]}", "], retries: -1}"))
    applier = FolderApplier(InProcessHeadgate().application, folder, prune=False)
    (folder / "etl.yaml").unlink()

    await applier.run_once()

    assert [problem.partition("wrong.yaml ")[2].partition(": must")[0] for problem in applier.problems] == ["#2: line 9: stages[0].retries"]


async def test_a_folder_without_definitions_is_a_problem(folder: Path) -> None:
    (folder / "etl.yaml").write_text("jobs: {}\n")
    applier = FolderApplier(InProcessHeadgate().application, folder, prune=False)

    await applier.run_once()

    assert "no pipeline definition" in applier.problems[0]


async def test_a_folder_whose_name_cannot_be_stored_is_a_problem(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 101)
    folder.mkdir()
    (folder / "etl.yaml").write_text(ETL)
    applier = FolderApplier(InProcessHeadgate().application, folder, prune=False)

    await applier.run_once()

    assert "must be at most 100 characters" in applier.problems[0]


async def test_definitions_that_share_groups_are_applied_at_once_in_any_order(folder: Path) -> None:
    headgate = InProcessHeadgate()
    chain = {"a": ("x, y", ""), "b": ("y", "{group: x, limit: 1}"), "c": ("z", "{group: y, limit: 1}"), "d": ("", "{group: z, limit: 1}")}
    for name, (uses, limit) in chain.items():
        stage = f"{{name: load, command: ['true'], uses: [{uses}]}}"
        (folder / f"{name}.yaml").write_text(f"name: {name}\nconcurrency: [{limit}]\nstages: [{stage}]\n")
    applier = FolderApplier(headgate.application, folder, prune=True)

    await applier.run_once()

    assert list(applier.problems) == []
    assert sorted(list_pipelines(headgate)) == ["a", "b", "c", "d", "etl"]


async def test_problems_have_no_absolute_path(folder: Path) -> None:
    applier = FolderApplier(InProcessHeadgate().application, folder, prune=False)
    (folder / "copy.yaml").write_text(ETL)
    await applier.run_once()
    duplicates = list(applier.problems)
    (folder / "copy.yaml").unlink()
    (folder / "etl.yaml").unlink()
    folder.rmdir()
    await apply(applier)

    assert duplicates == ["etl.yaml: name: etl is also defined in copy.yaml; neither was applied"]
    assert list(applier.problems) == ["pipelines: No such file or directory"]


async def test_two_processes_that_create_the_same_pipelines_at_once_refuse_nothing(folder: Path) -> None:
    headgate = InProcessHeadgate()
    appliers = [FolderApplier(headgate.application, folder, prune=True) for _ in range(2)]

    await asyncio.gather(*(applier.run_once() for applier in appliers))

    assert [list(applier.problems) for applier in appliers] == [[], []]
    assert list_pipelines(headgate) == {"etl": (1, False)}
