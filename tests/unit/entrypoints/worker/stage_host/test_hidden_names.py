"""A function's own modules hide modules of the same name, whatever Headgate and its host have imported."""

from __future__ import annotations

import sys
import zipfile

import pytest

from tests.support.paths import ROOT
from tests.unit.entrypoints.worker.stage_host.installers import install_as_package
from tests.unit.entrypoints.worker.stage_host.interpreter import Interpreter

INSTALLED = ["prefect", "yaml", "pydantic", "httpx", "ddtrace", "structlog"]
OF_THE_HOST = ["token", "signal", "socket", "select", "json", "copy", "locale", "typing", "inspect", "array", "subprocess", "threading"]
OF_PYTHON = ["queue", "secrets", "calendar", "logging", "statistics", "random", "platform", "types"]
NEVER_HIDDEN = ["sys", "time", "os", "io", "abc", "codecs", "stat", "encodings", "builtins"]
"""Part of the interpreter, or imported before any folder is searched."""


@pytest.mark.parametrize("name", [*INSTALLED, "domain", "application", "adapters", "entrypoints", "alembic"])
def test_a_module_beside_the_function_hides_an_installed_package(interpreter: Interpreter, name: str) -> None:
    interpreter.write(interpreter.site / name / "__init__.py", "WHOSE = 'installed'\n")
    interpreter.write(interpreter.work / f"{name}.py", "WHOSE = 'mine'\n")

    assert interpreter.import_in_stage(name) == interpreter.import_directly(name) == "mine"


@pytest.mark.parametrize("name", [*INSTALLED, "domain", "examples"])
@pytest.mark.parametrize("where", ["stage", "worker"])
def test_a_module_in_pythonpath_hides_an_installed_package(interpreter: Interpreter, name: str, where: str) -> None:
    install_as_package(interpreter, name)
    folder = interpreter.elsewhere / "first"
    interpreter.write(folder / name / "__init__.py", "WHOSE = 'first'\n")
    if where == "worker":
        interpreter.variables = {"PYTHONPATH": f"{ROOT}:{folder}"}

    found = interpreter.import_in_stage(name, **({"env": {"PYTHONPATH": str(folder)}} if where == "stage" else {}))

    assert found == "first"


@pytest.mark.parametrize("name", [name for name in (*OF_THE_HOST, *OF_PYTHON) if name not in sys.builtin_module_names])
def test_a_module_beside_the_function_hides_one_of_python(interpreter: Interpreter, name: str) -> None:
    interpreter.write(interpreter.work / f"{name}.py", "WHOSE = 'mine'\n")
    interpreter.write(interpreter.work / "asking.py", f"def run():\n    import {name}\n    return {{'found': {name}.WHOSE}}\n")

    assert interpreter.call("asking:run")["result"] == {"found": "mine"}


@pytest.mark.parametrize("name", ["token", "json"])
def test_an_archive_in_pythonpath_hides_modules_of_python(interpreter: Interpreter, name: str) -> None:
    with zipfile.ZipFile(interpreter.elsewhere / "lib.zip", "w") as archive:
        archive.writestr(f"{name}.py", "WHOSE = 'mine'\n")

    assert interpreter.import_in_stage(name, env={"PYTHONPATH": f"/nonexistent:{interpreter.elsewhere / 'lib.zip'}"}) == "mine"


@pytest.mark.parametrize("name", NEVER_HIDDEN)
def test_a_module_of_the_interpreter_is_not_hidden(interpreter: Interpreter, name: str) -> None:
    interpreter.write(interpreter.work / f"{name}.py", "WHOSE = 'mine'\n")

    assert interpreter.import_in_stage(name) == interpreter.import_directly(name) == ""


@pytest.mark.parametrize("name", ["token", "json", "random"])
def test_a_folder_without_modules_hides_nothing(interpreter: Interpreter, name: str) -> None:
    (interpreter.work / name).mkdir()

    assert interpreter.import_in_stage(name) == interpreter.import_directly(name) == ""


def test_a_customization_beside_the_function_is_not_run(interpreter: Interpreter) -> None:
    for name in ("sitecustomize", "usercustomize"):
        interpreter.write(interpreter.work / f"{name}.py", "print('customized')\n")
    interpreter.write(interpreter.work / "m.py", "def run():\n    return {'fine': True}\n")

    assert interpreter.call("m:run")["lines"] == []


def test_a_function_has_every_flag_of_an_interpreter(interpreter: Interpreter) -> None:
    interpreter.write(
        interpreter.work / "m.py",
        "import sys\ndef run():\n    return {name: getattr(sys.flags, name) for name in dir(sys.flags) if name[0] != '_'"
        " and not callable(getattr(sys.flags, name))}\n",
    )
    expected = {name for name in dir(sys.flags) if name[0] != "_" and not callable(getattr(sys.flags, name)) and name[:2] != "n_"}

    flags = interpreter.call("m:run")["result"]

    assert set(flags) == expected
    assert (flags["isolated"], flags["no_site"], flags["ignore_environment"], flags["safe_path"]) == (0, 0, 0, False)
