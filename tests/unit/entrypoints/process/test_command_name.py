from pathlib import Path

import pytest

from entrypoints.process.command_name import get_command, get_command_for_any_folder
from tests.support.settings import make_settings


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a virtual environment, as the current folder. Its path has a space."""
    folder = tmp_path / "a checkout"
    script = folder / ".venv" / "bin" / "headgate"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return folder


def test_a_command_that_is_not_on_the_path_is_named_as_it_was_typed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", [".venv/bin/headgate", "up"])

    assert get_command() == ".venv/bin/headgate"
    assert get_command_for_any_folder() == f"'{checkout}/.venv/bin/headgate'"


def test_a_command_on_the_path_is_named_headgate(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{checkout}/.venv/bin:/usr/bin:/bin")
    for typed in (".venv/bin/headgate", f"{checkout}/.venv/bin/headgate"):
        monkeypatch.setattr("sys.argv", [typed])

        assert (get_command(), get_command_for_any_folder()) == ("headgate", "headgate")


def test_another_headgate_on_the_path_is_not_this_one(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "bin" / "headgate"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{other.parent}:/usr/bin")
    monkeypatch.setattr("sys.argv", [".venv/bin/headgate"])

    assert get_command() == ".venv/bin/headgate"


@pytest.mark.parametrize(
    ("url", "expected"),
    [("http://127.0.0.1:8000", "/x/headgate"), ("http://localhost:8000/hg", "/x/headgate"), ("https://hg.example", "headgate")],
)
def test_pages_that_other_machines_open_show_no_path(url: str, expected: str) -> None:
    assert make_settings(url=url, command="/x/headgate").copied_command == expected
