"""A virtual environment is made again if its checkout has moved or its Python is gone, and nothing else is removed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from installation.commands import InstallationError
from installation.virtual_environment import create_virtual_environment

MARK = "mark-of-the-first"


def make_checkout(folder: Path, venv: Path) -> None:
    """Imitate what an earlier installation left: an environment for this checkout and Python."""
    subprocess.run([sys.executable, "-I", "-m", "venv", "--without-pip", str(venv)], check=True)
    (venv / "location").write_text("{}\n{}.{}\n".format(folder.resolve(), *sys.version_info[:2]))
    (venv / MARK).touch()


def starts(venv: Path) -> bool:
    return subprocess.run([str(venv / "bin" / "python"), "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "a clone (1)"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def change_location(venv: Path) -> None:
    (venv / "location").write_text("/nonexistent/other\n3.11\n")


def change_version(venv: Path) -> None:
    (venv / "location").write_text(f"{venv.parent.resolve()}\n3.10\n")


def break_python(venv: Path) -> None:
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to("/nonexistent/python3")


def replace_python(venv: Path) -> None:
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").write_text("#!/nonexistent/python3\n")


def remove_programs(venv: Path) -> None:
    shutil.rmtree(venv / "bin")


def leave_older_release(venv: Path) -> None:
    (venv / "location").unlink()
    (venv / "run.stamp").touch()


def interrupt_first_installation(venv: Path) -> None:
    for entry in venv.iterdir():
        if entry.name not in ("location", MARK):
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    (venv / "location").write_bytes(b"")


@pytest.mark.parametrize(
    "change",
    [
        change_location,
        change_version,
        break_python,
        replace_python,
        remove_programs,
        leave_older_release,
        interrupt_first_installation,
    ],
)
def test_an_environment_that_does_not_fit_is_made_again(checkout: Path, change: Callable[[Path], None]) -> None:
    venv = checkout / ".venv"
    make_checkout(checkout, venv)
    change(venv)

    create_virtual_environment(Path(".venv"))

    assert starts(venv)
    assert not (venv / MARK).exists()


def test_an_environment_that_fits_is_kept(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_checkout(checkout, checkout / ".venv")
    (tmp_path / "link").symlink_to(checkout)

    create_virtual_environment(Path(".venv"))
    monkeypatch.chdir(tmp_path / "link")
    create_virtual_environment(Path(".venv"))

    assert (checkout / ".venv" / MARK).exists()


def test_a_renamed_checkout_is_installed_again(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_checkout(checkout, checkout / ".venv")
    renamed = checkout.rename(checkout.with_name("b"))
    monkeypatch.chdir(renamed)

    create_virtual_environment(Path(".venv"))

    assert starts(renamed / ".venv")
    assert (renamed / ".venv" / "location").read_text().startswith(f"{renamed.resolve()}\n")


def test_an_environment_of_the_user_is_extended(checkout: Path) -> None:
    make_checkout(checkout, checkout / "mine")
    (checkout / "mine" / "location").unlink()

    create_virtual_environment(Path("mine"))

    assert (checkout / "mine" / MARK).exists()
    assert starts(checkout / "mine")


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", "bin/tool"])
def test_a_folder_with_something_else_is_not_touched(checkout: Path, name: str) -> None:
    file = checkout / "work" / name
    file.parent.mkdir(parents=True)
    file.write_text("important")

    with pytest.raises(InstallationError, match="not a virtual environment; remove it, or set VENV"):
        create_virtual_environment(Path("work"))

    assert file.read_text() == "important"
    assert [path.name for path in (checkout / "work").iterdir()] == [Path(name).parts[0]]


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("/nonexistent/x"), lambda path: path.symlink_to(path)])
def test_what_is_no_folder_is_one_line(checkout: Path, make: Callable[[Path], None]) -> None:
    make(checkout / ".venv")

    with pytest.raises(InstallationError, match="set VENV to a folder that you can write to") as error:
        create_virtual_environment(Path(".venv"))

    assert len(str(error.value).splitlines()) == 1
