"""A `python` stage imports what its worker's interpreter imports, and nothing of Headgate. Each case has a real virtual environment."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import pytest

from tests.support.paths import ROOT
from tests.unit.entrypoints.worker.stage_host.installers import INSTALLERS, install_as_module, install_by_finder, install_by_first_finder
from tests.unit.entrypoints.worker.stage_host.interpreter import IMPORTS_SITECUSTOMIZE, Interpreter

HEADGATES_NAMES = ["domain", "application", "adapters", "entrypoints", "examples", "tests", "alembic", "docker"]


@pytest.mark.parametrize("install", INSTALLERS)
def test_an_installed_package_is_found(interpreter: Interpreter, install: Any) -> None:
    install(interpreter, "mypkg")

    assert interpreter.import_in_stage("mypkg") == interpreter.import_directly("mypkg") == "mine"


@pytest.mark.parametrize(
    ("name", "install"),
    [
        *itertools.product(["application", "examples", "tests", "docker"], INSTALLERS),
        # Not by a finder that comes before all others: the worker itself, which imports these, would find it.
        *itertools.product(["entrypoints", "domain"], [install for install in INSTALLERS if install is not install_by_first_finder]),
    ],
)
def test_a_package_with_a_name_of_headgates_is_the_users(interpreter: Interpreter, name: str, install: Any) -> None:
    install(interpreter, name)

    assert interpreter.import_in_stage(name) == interpreter.import_directly(name) == "mine"


@pytest.mark.parametrize("name", [name for name in HEADGATES_NAMES if name != "examples"])
def test_headgates_own_packages_are_not_found(interpreter: Interpreter, name: str) -> None:
    assert interpreter.import_in_stage(name) == interpreter.import_directly(name) == f"No module named '{name}'"


@pytest.mark.parametrize("name", ["domain", "tests"])
def test_they_are_not_found_in_a_stage_that_runs_in_headgates_checkout(interpreter: Interpreter, name: str) -> None:
    assert interpreter.import_in_stage(name, folder=ROOT) == f"No module named '{name}'"


@pytest.mark.parametrize("name", ["domain", "adapters", "examples"])
def test_a_namespace_package_with_a_name_of_headgates_is_the_users(interpreter: Interpreter, name: str) -> None:
    interpreter.write(interpreter.site / name / "mine.py", "WHOSE = 'mine'\n")

    assert interpreter.import_in_stage(f"{name}.mine") == "mine"
    assert interpreter.import_in_stage(f"{name}.mine", folder=ROOT) == "mine"


def test_a_namespace_package_has_all_its_portions(interpreter: Interpreter) -> None:
    interpreter.write(interpreter.site / "company" / "one.py", "WHOSE = 'one'\n")
    interpreter.write(interpreter.work / "company" / "two.py", "WHOSE = 'two'\n")
    interpreter.write(interpreter.elsewhere / "more" / "company" / "three.py", "WHOSE = 'three'\n")
    interpreter.write(interpreter.site / "more.pth", f"{interpreter.elsewhere / 'more'}\n")

    for name in ("one", "two", "three"):
        assert interpreter.import_in_stage(f"company.{name}") == interpreter.import_directly(f"company.{name}") == name


def test_the_examples_of_headgate_are_found(interpreter: Interpreter) -> None:
    assert interpreter.import_in_stage("examples.retries") == ""


def test_the_hooks_of_path_files_and_sitecustomize_run_in_the_stage(interpreter: Interpreter) -> None:
    interpreter.write(interpreter.site / "a_hook.pth", "import sys; sys.from_hook = 'hook'\n")
    interpreter.write(interpreter.site / "sitecustomize.py", "import os, sys\nsys.from_site = os.environ.get('REGION')\n")
    interpreter.write(
        interpreter.work / "m.py", "import sys\ndef run():\n    return {'hook': sys.from_hook, 'site': getattr(sys, 'from_site', None)}\n"
    )

    found = interpreter.call("m:run", env={"REGION": "eu"})["result"]

    assert found == {"hook": "hook", "site": "eu" if IMPORTS_SITECUSTOMIZE else None}


def test_a_broken_path_file_or_sitecustomize_is_a_line_and_no_failure(interpreter: Interpreter) -> None:
    interpreter.write(interpreter.site / "a_broken.pth", "import no_such_module\n/never/read\n")
    interpreter.write(interpreter.site / "sitecustomize.py", "raise ValueError('odd')\n")
    interpreter.write(interpreter.work / "m.py", "def run():\n    return {'fine': True}\n")

    done = interpreter.call("m:run")

    assert done["result"] == {"fine": True}
    printed = [text for _, text in done["lines"]]
    assert any("a_broken.pth: ModuleNotFoundError" in text for text in printed)
    assert ("Error in sitecustomize: ValueError: odd" in printed) is IMPORTS_SITECUSTOMIZE


def test_pythonpath_of_the_stage_comes_before_installed_packages(interpreter: Interpreter) -> None:
    install_as_module(interpreter, "shared")
    interpreter.write(interpreter.elsewhere / "mine" / "shared.py", "WHOSE = 'of the stage'\n")
    interpreter.write(interpreter.elsewhere / "mine" / "sitecustomize.py", "import sys\nsys.customized = True\n")

    assert interpreter.import_in_stage("shared", env={"PYTHONPATH": str(interpreter.elsewhere / "mine")}) == "of the stage"


def test_the_user_site_is_used_if_the_interpreter_uses_it(interpreter: Interpreter) -> None:
    interpreter.create(system_site_packages=True)
    base = interpreter.elsewhere / "user"
    interpreter.variables = {"PYTHONUSERBASE": str(base)}
    folder = base / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    interpreter.write(folder / "of_user.py", "WHOSE = 'mine'\n")

    assert interpreter.import_in_stage("of_user") == interpreter.import_directly("of_user") == "mine"
    assert interpreter.import_in_stage("of_user", env={"PYTHONNOUSERSITE": "1"}) == "No module named 'of_user'"


def test_relative_imports_work_in_the_working_directory(interpreter: Interpreter) -> None:
    interpreter.write(interpreter.work / "jobs" / "nightly" / "__init__.py")
    interpreter.write(interpreter.work / "jobs" / "common.py", "WHOSE = 'mine'\n")
    interpreter.write(
        interpreter.work / "jobs" / "nightly" / "load.py",
        "from ..common import WHOSE\nfrom . import __name__ as name\ndef run():\n    return {'found': WHOSE}\n",
    )

    assert interpreter.call("jobs.nightly.load:run")["result"] == {"found": "mine"}


def test_a_package_that_is_installed_while_the_worker_runs_is_found(interpreter: Interpreter) -> None:
    interpreter.write(
        interpreter.work / "m.py",
        f"""
        import importlib, pathlib
        def run():
            pathlib.Path({str(interpreter.site)!r}, "late.py").write_text("WHOSE = 'mine'")
            importlib.invalidate_caches()
            import late
            return {{"found": late.WHOSE}}
        """,
    )

    assert interpreter.call("m:run")["result"] == {"found": "mine"}


def test_the_metadata_of_installed_packages_is_found(interpreter: Interpreter) -> None:
    interpreter.write(interpreter.site / "mine-1.2.dist-info" / "METADATA", "Metadata-Version: 2.1\nName: mine\nVersion: 1.2\n")
    interpreter.write(
        interpreter.work / "m.py",
        "import importlib.metadata, sys\ndef run():\n    return {'v': importlib.metadata.version('mine'), 'p': sys.prefix}\n",
    )

    assert interpreter.call("m:run")["result"] == {"v": "1.2", "p": str(interpreter.home / "venv")}


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_of_the_function_find_editable_packages(interpreter: Interpreter, method: str) -> None:
    install_by_finder(interpreter, "mypkg")
    interpreter.write(
        interpreter.work / "m.py",
        """
        import multiprocessing
        def ask(_):
            import mypkg
            return mypkg.WHOSE
        def run(method):
            with multiprocessing.get_context(method).Pool(1) as pool:
                return {"found": pool.map(ask, [1])}
        """,
    )

    assert interpreter.call("m:run", method=method)["result"] == {"found": ["mine"]}
