"""The web applies a folder of definitions by itself."""

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


async def test_a_folder_is_applied_again_only_when_it_changes(folder: Path) -> None:
    headgate = InProcessHeadgate()
    applier = FolderApplier(headgate.application, folder, prune=True)
    for _ in range(3):
        await applier.run_once()
    assert list(applier.problems) == []
    assert list_pipelines(headgate) == {"etl": (1, False)}
    audited = len(headgate.fakes.store.committed.audit)

    await FolderApplier(headgate.application, folder, prune=True).run_once()
    assert len(headgate.fakes.store.committed.audit) == audited, "an unchanged folder leaves no trace"

    (folder / "etl.yaml").write_text(ETL.replace("one", "another"))
    (folder / "more.yaml").write_text(ETL.replace("name: etl", "name: more"))
    await applier.run_once()
    assert list_pipelines(headgate) == {"etl": (2, False), "more": (1, False)}

    (folder / "more.yaml").unlink()
    await applier.run_once()
    assert list_pipelines(headgate) == {"etl": (2, False), "more": (1, True)}


async def test_a_refused_definition_is_named_with_its_file_and_stops_pruning(folder: Path) -> None:
    headgate = InProcessHeadgate()
    applier = FolderApplier(headgate.application, folder, prune=True)
    (folder / "gone.yaml").write_text(ETL.replace("name: etl", "name: gone"))
    await applier.run_once()
    (folder / "gone.yaml").unlink()
    (folder / "wrong.yaml").write_text("name: wrong\nstages:\n- {name: a, command: [], retries: -1}\n")
    (folder / "copy.yaml").write_text(ETL)

    await applier.run_once()
    assert any("wrong.yaml" in problem and "retries" in problem for problem in applier.problems)
    assert any("etl is also defined in" in problem for problem in applier.problems)
    assert list_pipelines(headgate) == {"etl": (1, False), "gone": (1, False)}

    (folder / "wrong.yaml").unlink()
    (folder / "copy.yaml").unlink()
    await applier.run_once()
    assert list(applier.problems) == []
    assert list_pipelines(headgate) == {"etl": (1, False), "gone": (1, True)}


async def test_a_folder_that_defines_nothing_archives_nothing(folder: Path) -> None:
    headgate = InProcessHeadgate()
    applier = FolderApplier(headgate.application, folder, prune=True)
    await applier.run_once()
    (folder / "etl.yaml").unlink()

    await applier.run_once()

    assert list_pipelines(headgate) == {"etl": (1, False)}
