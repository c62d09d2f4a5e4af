"""Free space on a real disk."""

from pathlib import Path

from adapters.system.disk_space import HomeDiskSpace, get_free_bytes


def test_a_missing_folder_has_the_space_of_its_nearest_parent(tmp_path: Path) -> None:
    assert get_free_bytes(tmp_path / "not" / "yet") > 0


def test_a_shortage_is_reported_with_both_numbers_below_the_limit(tmp_path: Path) -> None:
    assert HomeDiskSpace(tmp_path, 1).shortage() is None
    assert HomeDiskSpace(tmp_path, 0, lambda _: 0).shortage() is None
    assert HomeDiskSpace(tmp_path, 3 << 20, lambda _: 3 << 20).shortage() is None

    shortage = HomeDiskSpace(tmp_path, 512 << 20, lambda _: 120 << 20).shortage()

    assert shortage == "The disk of Headgate's home has 120 MiB left. New runs need 512 MiB. Status reports are still accepted."


def test_the_measurement_is_cached(tmp_path: Path) -> None:
    measured: list[Path] = []
    disk = HomeDiskSpace(tmp_path, 1, lambda folder: measured.append(folder) or 100)  # type: ignore[func-returns-value]

    for _ in range(5):
        disk.shortage()

    assert measured == [tmp_path]


def test_a_disk_that_cannot_be_measured_refuses_nothing(tmp_path: Path) -> None:
    def broken(_: Path) -> int:
        raise OSError("not a disk")

    assert HomeDiskSpace(tmp_path, 1 << 40, broken).shortage() is None
