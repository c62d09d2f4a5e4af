"""Headgate works in every locale, and with folders in PYTHONPATH that have modules of the names that it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.ended_commands import replace_environment, run_command
from tests.support.paths import ROOT

SURROUNDINGS = [
    {"LC_ALL": "C"},
    {"LC_ALL": "POSIX"},
    {"LC_ALL": "xx_XX.UTF-8"},
    {"LC_ALL": "en_US.ISO-8859-1"},
    {"LANG": "xx_XX"},
    {"LC_CTYPE": "UTF-8"},
    {},
    {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONIOENCODING": "latin-1:strict"},
    {"LC_ALL": "C", "PYTHONUTF8": "1"},
    {"LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "error::EncodingWarning", "PYTHONWARNDEFAULTENCODING": "1"},
]


@pytest.mark.parametrize("variables", SURROUNDINGS)
def test_a_path_with_any_letter_is_printed_in_every_locale(tmp_path: Path, variables: dict[str, str]) -> None:
    code, errors = run_command("config", HEADGATE_HOME=str(tmp_path / "a b é 雪"), **replace_environment(variables))

    assert (code, errors) == (0, "")


@pytest.mark.parametrize("variables", [*SURROUNDINGS[:4], SURROUNDINGS[7]])
def test_a_database_is_migrated_in_every_locale(tmp_path: Path, empty_database_url: str, variables: dict[str, str]) -> None:
    settings = {
        "HEADGATE_HOME": str(tmp_path),
        "HEADGATE_DATABASE_URL": empty_database_url,
        "HEADGATE_PREFECT_API_URL": "http://127.0.0.1:9/api",
    }

    code, errors = run_command("migrate", **settings, **replace_environment(variables))

    assert code == 0, errors


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("{folder}:{ROOT}", "yaml"),
        ("{folder}:{ROOT}", "pydantic"),
        ("{folder}:{ROOT}", "typer"),
        ("{folder}:{ROOT}", "typing_extensions"),
        ("{folder}:{ROOT}", "sqlalchemy"),
        ("{folder}:{ROOT}", "domain"),
        ("{ROOT}:{folder}", "entrypoints"),
        ("{ROOT}:{folder}:{folder}", "pydantic_settings"),
        (":{ROOT}:/nonexistent:{folder}:", "pydantic_core"),
    ],
)
def test_modules_in_python_path_do_not_hide_those_of_headgate(tmp_path: Path, where: str, name: str) -> None:
    (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')\n")

    code, errors = run_command("config", PYTHONPATH=where.format(ROOT=ROOT, folder=tmp_path))

    assert (code, errors) == (0, "")
