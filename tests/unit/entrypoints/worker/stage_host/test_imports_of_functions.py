"""A `python` stage imports what its worker's interpreter imports, and nothing of Headgate. Each case has a real virtual environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import venv
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import ROOT

HEADGATES_NAMES = ["domain", "application", "adapters", "entrypoints", "examples", "tests", "alembic", "docker"]

# What a worker does to run a function, in an interpreter of its own.
WORKER = """
import asyncio, json, sys
from entrypoints.worker.stage_host.client import StageHost
from entrypoints.worker.stage_host.job import JobSpec

async def main(folder, env, target, parameters):
    host = await StageHost.start()
    job = await host.run(JobSpec("python", folder, env, callable=target, parameters=parameters))
    lines = [(line.stream, line.text) async for line in job.lines]
    end = await job.wait()
    await host.close()
    print(json.dumps({"result": end.result, "error": end.error, "lines": lines}))

asyncio.run(main(*json.loads(sys.argv[1])))
"""
FINDER = """
import importlib.machinery, sys
class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if path is None and name == {name!r}:
            return importlib.machinery.PathFinder.find_spec(name, [{folder!r}])
sys.meta_path.append(Finder)
"""


@dataclass
class Interpreter:
    """A virtual environment, a working directory, and the worker that runs in them."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.work, self.elsewhere = self.home / "work", self.home / "elsewhere"
        for folder in (self.work, self.elsewhere):
            folder.mkdir()
        self.create()

    def create(self, **options: Any) -> None:
        venv.EnvBuilder(symlinks=True, with_pip=False, **options).create(self.home / "venv")

    @property
    def python(self) -> str:
        return str(self.home / "venv" / "bin" / "python")

    @property
    def site(self) -> Path:
        (folder,) = (self.home / "venv" / "lib").glob("python*/site-packages")
        return folder

    def write(self, file: Path, text: str = "") -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))

    def call(self, target: str, folder: Path | None = None, env: dict[str, str] | None = None, **parameters: Any) -> dict[str, Any]:
        """Return the result, the error and the lines of a stage that calls this function."""
        request = json.dumps([str(folder or self.work), {"PATH": os.environ["PATH"]} | (env or {}), target, parameters])
        surroundings = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | self.variables
        argv = [self.python, "-P", "-c", WORKER, request]
        ended = subprocess.run(argv, env=surroundings, cwd=self.home, capture_output=True, text=True, timeout=60, check=True)
        return dict(json.loads(ended.stdout))

    def import_directly(self, name: str) -> str:
        """Return what the interpreter itself gets for an import in the working directory: an attribute, or the error."""
        code = f"import importlib\ntry: print(getattr(importlib.import_module({name!r}), 'WHOSE', ''))\nexcept ImportError as e: print(e)"
        argv = [self.python, "-c", code]
        return subprocess.run(
            argv, env=self.variables, cwd=self.work, capture_output=True, text=True, timeout=60, check=True
        ).stdout.strip()

    def import_in_stage(self, name: str, **keys: Any) -> str:
        """Return the same for an import in a stage."""
        self.write(
            self.elsewhere / "probe" / "probe_of_tests.py",
            """
            import importlib
            def run(name):
                try:
                    return {"found": getattr(importlib.import_module(name), "WHOSE", "")}
                except ImportError as error:
                    return {"found": str(error)}
            """,
        )
        self.write(self.site / "zzz_probe.pth", f"{self.elsewhere / 'probe'}\n")
        done = self.call("probe_of_tests:run", name=name, **keys)
        assert done["error"] is None, done
        return str(done["result"]["found"])


@pytest.fixture
def interpreter(tmp_path: Path) -> Interpreter:
    return Interpreter(tmp_path)


def install_by_path(interpreter: Interpreter, name: str) -> None:
    interpreter.write(interpreter.elsewhere / "src" / name / "__init__.py", "WHOSE = 'mine'\n")
    interpreter.write(interpreter.site / f"__editable__.{name}.pth", f"{interpreter.elsewhere / 'src'}\n")


def install_by_finder(interpreter: Interpreter, name: str) -> None:
    interpreter.write(interpreter.elsewhere / "found" / name / "__init__.py", "WHOSE = 'mine'\n")
    interpreter.write(interpreter.site / f"_finder_of_{name}.py", FINDER.format(name=name, folder=str(interpreter.elsewhere / "found")))
    interpreter.write(interpreter.site / f"__editable__.{name}.pth", f"import _finder_of_{name}\n")


def install_as_package(interpreter: Interpreter, name: str) -> None:
    interpreter.write(interpreter.site / name / "__init__.py", "WHOSE = 'mine'\n")


def install_as_module(interpreter: Interpreter, name: str) -> None:
    interpreter.write(interpreter.site / f"{name}.py", "WHOSE = 'mine'\n")


def install_in_workdir(interpreter: Interpreter, name: str) -> None:
    interpreter.write(interpreter.work / name / "__init__.py", "WHOSE = 'mine'\n")


def install_in_zip(interpreter: Interpreter, name: str) -> None:
    with zipfile.ZipFile(interpreter.elsewhere / "lib.zip", "w") as archive:
        archive.writestr(f"{name}.py", "WHOSE = 'mine'\n")
    interpreter.write(interpreter.site / "zip.pth", f"# a comment\r\n\r\n{interpreter.elsewhere / 'lib.zip'}\r\n")


INSTALLERS = [install_by_path, install_by_finder, install_as_package, install_as_module, install_in_workdir, install_in_zip]


@pytest.mark.parametrize("install", INSTALLERS)
def test_an_installed_package_is_found(interpreter: Interpreter, install: Any) -> None:
    install(interpreter, "mypkg")

    assert interpreter.import_in_stage("mypkg") == interpreter.import_directly("mypkg") == "mine"


@pytest.mark.parametrize("install", INSTALLERS)
@pytest.mark.parametrize("name", ["domain", "entrypoints", "examples", "tests", "docker"])
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
    interpreter.write(interpreter.work / "m.py", "import sys\ndef run():\n    return {'hook': sys.from_hook, 'site': sys.from_site}\n")

    assert interpreter.call("m:run", env={"REGION": "eu"})["result"] == {"hook": "hook", "site": "eu"}


def test_a_broken_path_file_or_sitecustomize_is_a_line_and_no_failure(interpreter: Interpreter) -> None:
    interpreter.write(interpreter.site / "a_broken.pth", "import no_such_module\n/never/read\n")
    interpreter.write(interpreter.site / "sitecustomize.py", "raise ValueError('odd')\n")
    interpreter.write(interpreter.work / "m.py", "def run():\n    return {'fine': True}\n")

    done = interpreter.call("m:run")

    assert done["result"] == {"fine": True}
    printed = [text for _, text in done["lines"]]
    assert any("a_broken.pth: ModuleNotFoundError" in text for text in printed)
    assert "Error in sitecustomize: ValueError: odd" in printed


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
