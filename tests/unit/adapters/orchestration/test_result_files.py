import os
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.orchestration.result_files import MAX_RESULT_BYTES, ResultFiles, ResultNotReadable


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    folder = tmp_path / "storage"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "secret").write_text("a secret")
    return folder


def test_a_file_in_a_folder_or_below_it_is_read(storage: Path) -> None:
    (storage / "one").write_text("1")
    (storage / "sub" / "two").write_text("2")

    files = ResultFiles([storage.parent / "other", storage])

    assert [files.read(storage / name) for name in ("one", "sub/two")] == [b"1", b"2"]


def test_a_folder_can_be_named_by_a_link_above_it(storage: Path, tmp_path: Path) -> None:
    (storage / "one").write_text("1")
    (tmp_path / "linked").symlink_to(storage)

    assert ResultFiles([tmp_path / "linked"]).read(storage / "one") == b"1"
    assert ResultFiles([storage]).read(tmp_path / "linked" / "one") == b"1"


@pytest.mark.parametrize(
    "get_path",
    [
        lambda storage: storage.parent / "secret",
        lambda storage: storage / ".." / "secret",
        lambda storage: storage / "sub" / ".." / ".." / "secret",
        lambda storage: Path("secret"),
        lambda storage: Path("/etc/passwd"),
        lambda storage: Path(f"{storage}-other/one"),
        lambda storage: storage / "missing",
        lambda storage: storage,
        lambda storage: storage / "sub",
        lambda storage: storage / "a\0b",
        lambda storage: storage / "a\ud800" / "b",
        lambda storage: storage / ("a" * 5_000),
    ],
)
def test_nothing_else_is_read(storage: Path, get_path: Callable[[Path], Path]) -> None:
    (storage.parent / "storage-other").mkdir()
    (storage.parent / "storage-other" / "one").write_text("1")

    with pytest.raises(ResultNotReadable):
        ResultFiles([storage]).read(get_path(storage))


def test_links_inside_a_folder_are_not_followed(storage: Path) -> None:
    (storage / "linked").symlink_to(storage.parent / "secret")
    (storage / "linked-folder").symlink_to(storage.parent)
    (storage / "inner").write_text("1")
    (storage / "linked-inside").symlink_to(storage / "inner")

    for name in ("linked", "linked-folder/secret", "linked-inside"):
        with pytest.raises(ResultNotReadable):
            ResultFiles([storage]).read(storage / name)


def test_a_pipe_is_not_read(storage: Path) -> None:
    os.mkfifo(storage / "pipe")

    with pytest.raises(ResultNotReadable, match="regular file"):
        ResultFiles([storage]).read(storage / "pipe")


def test_a_file_of_up_to_1_mib_is_read(storage: Path) -> None:
    (storage / "largest").write_bytes(b"1" * MAX_RESULT_BYTES)
    (storage / "larger").write_bytes(b"1" * (MAX_RESULT_BYTES + 1))

    assert len(ResultFiles([storage]).read(storage / "largest")) == MAX_RESULT_BYTES
    with pytest.raises(ResultNotReadable, match="more than 1,048,576 bytes"):
        ResultFiles([storage]).read(storage / "larger")


def test_without_folders_nothing_is_read(storage: Path) -> None:
    (storage / "one").write_text("1")

    with pytest.raises(ResultNotReadable, match="HEADGATE_PREFECT_RESULTS"):
        ResultFiles([]).read(storage / "one")
