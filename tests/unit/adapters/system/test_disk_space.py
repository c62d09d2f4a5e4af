"""Room on a real disk."""

from pathlib import Path

from adapters.system.disk_space import HomeDiskSpace, get_free_bytes


def test_the_room_of_a_folder_that_is_not_there_yet_is_that_of_where_it_will_be(tmp_path: Path) -> None:
    assert get_free_bytes(tmp_path / "not" / "yet") > 0


def test_a_shortage_is_told_with_both_numbers_and_only_below_the_bound(tmp_path: Path) -> None:
    assert HomeDiskSpace(tmp_path, 1).shortage() is None
    assert HomeDiskSpace(tmp_path, 0, lambda _: 0).shortage() is None
    assert HomeDiskSpace(tmp_path, 3 << 20, lambda _: 3 << 20).shortage() is None

    told = HomeDiskSpace(tmp_path, 512 << 20, lambda _: 120 << 20).shortage()

    assert told == "The disk of Headgate's home has 120 MiB left. New runs need 512 MiB. Status reports are still accepted."


def test_the_disk_is_looked_at_once_in_a_while(tmp_path: Path) -> None:
    looks: list[Path] = []
    disk = HomeDiskSpace(tmp_path, 1, lambda folder: looks.append(folder) or 100)  # type: ignore[func-returns-value]

    for _ in range(5):
        disk.shortage()

    assert looks == [tmp_path]


def test_a_disk_that_cannot_be_measured_refuses_nothing(tmp_path: Path) -> None:
    def broken(_: Path) -> int:
        raise OSError("not a disk")

    assert HomeDiskSpace(tmp_path, 1 << 40, broken).shortage() is None
