"""Known errors are matched by module and class name, so a renamed class would become a traceback."""

import importlib

import pytest

from domain.errors import Unavailable
from entrypoints.cli.error_reporting import KNOWN_ERRORS, exit_on_known_errors


@pytest.mark.parametrize(("module", "name"), sorted(KNOWN_ERRORS))
def test_every_known_error_exists(module: str, name: str) -> None:
    assert issubclass(getattr(importlib.import_module(module), name), Exception)


def test_a_known_error_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info, exit_on_known_errors():
        raise Unavailable("The database does not respond.")

    assert exit_info.value.code == 2
    assert capsys.readouterr().err == "headgate: The database does not respond.\n"


def test_an_unknown_error_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), exit_on_known_errors():
        raise ZeroDivisionError
