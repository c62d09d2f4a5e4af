"""A `python` stage imports packages that setuptools installed in place, in each of its modes and layouts. setuptools itself builds them."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.entrypoints.worker.stage_host.interpreter import Interpreter

# It forks for each request, since importing setuptools takes longer than a build. A line with NUL follows each answer.
BUILDER = """
import json, os, sys
from setuptools.build_meta import build_editable
for line in sys.stdin:
    project, folder, options = json.loads(line)
    child = os.fork()
    if not child:
        os.chdir(project)
        sys.argv = ["setup.py"]
        print(build_editable(folder, options), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, project
    print("\\0", flush=True)
"""
PROJECT = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n[project]\nname = "made"\nversion = "1.0"\n'
MINE = "WHOSE = 'mine'\n"
LAYOUTS: dict[str, tuple[dict[str, str], str]] = {
    "src": ({"src/{name}/__init__.py": MINE}, ""),
    "flat": ({"{name}/__init__.py": MINE, "{name}/part.py": MINE}, '[tool.setuptools]\npackages = ["{name}"]\n'),
    "module": ({"{name}.py": MINE}, '[tool.setuptools]\npy-modules = ["{name}"]\n'),
    "renamed": (
        {"lib/python/__init__.py": MINE},
        '[tool.setuptools]\npackages = ["{name}"]\n[tool.setuptools.package-dir]\n"{name}" = "lib/python"\n',
    ),
    "beside others": (
        {"{name}/__init__.py": MINE, "docs/conf.py": "", "notebooks/a.py": ""},
        '[tool.setuptools.packages.find]\ninclude = ["{name}*"]\n',
    ),
}


Install = Callable[[Interpreter, dict[str, str], str, str], None]


@pytest.fixture(scope="module")
def install_in_place() -> Iterator[Install]:
    """Return a function that does what `pip install --editable` does for a project with these files, in a mode of setuptools."""
    with subprocess.Popen([sys.executable, "-c", BUILDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as builder:
        assert builder.stdin is not None and builder.stdout is not None

        def install(interpreter: Interpreter, files: dict[str, str], settings: str, mode: str) -> None:
            project = interpreter.elsewhere / "project"
            for name, text in (files | {"pyproject.toml": PROJECT + settings}).items():
                interpreter.write(project / name, text)
            print(json.dumps([str(project), str(interpreter.elsewhere), {"editable_mode": mode}]), file=builder.stdin, flush=True)
            answer = []
            while (line := builder.stdout.readline()) != "\0\n":
                assert line, "setuptools failed"
                answer.append(line.rstrip())
            with zipfile.ZipFile(interpreter.elsewhere / answer[-1]) as archive:
                archive.extractall(interpreter.site)

        yield install
        builder.stdin.close()


@pytest.mark.parametrize("mode", ["", "strict", "compat"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["mypkg", "domain"])
def test_a_package_of_each_layout_is_found(interpreter: Interpreter, install_in_place: Install, name: str, layout: str, mode: str) -> None:
    files, settings = LAYOUTS[layout]
    install_in_place(
        interpreter, {file.replace("{name}", name): text for file, text in files.items()}, settings.replace("{name}", name), mode
    )

    found = interpreter.import_in_stage(name)
    assert found == interpreter.import_directly(name)
    assert (layout, mode) == ("renamed", "compat") or found == "mine"


@pytest.mark.parametrize("mode", ["", "strict", "compat"])
@pytest.mark.parametrize("folder", ["src/", ""])
def test_a_namespace_package_is_found_with_its_other_portions(
    interpreter: Interpreter, install_in_place: Install, folder: str, mode: str
) -> None:
    where = f'[tool.setuptools.packages.find]\nwhere = ["{folder or "."}"]\ninclude = ["company*"]\nnamespaces = true\n'
    install_in_place(interpreter, {f"{folder}company/tools/__init__.py": MINE}, where, mode)
    interpreter.write(interpreter.site / "company" / "installed.py", "WHOSE = 'installed'\n")

    for name, whose in (("company.tools", "mine"), ("company.installed", "installed")):
        assert interpreter.import_in_stage(name) == interpreter.import_directly(name) == whose


def test_a_change_of_the_sources_counts_at_once(interpreter: Interpreter, install_in_place: Install) -> None:
    install_in_place(interpreter, {"mypkg/__init__.py": MINE}, '[tool.setuptools]\npackages = ["mypkg"]\n', "")
    assert interpreter.import_in_stage("mypkg") == "mine"

    (interpreter.elsewhere / "project" / "mypkg" / "__init__.py").write_text("WHOSE = 'changed'\n")

    assert interpreter.import_in_stage("mypkg") == "changed"


def test_the_sources_of_a_package_that_moved_are_missing_as_for_the_interpreter(
    interpreter: Interpreter, install_in_place: Install
) -> None:
    install_in_place(interpreter, {"src/mypkg/__init__.py": MINE}, "", "")
    Path(interpreter.elsewhere / "project").rename(interpreter.elsewhere / "moved")

    assert interpreter.import_in_stage("mypkg") == interpreter.import_directly("mypkg") == "No module named 'mypkg'"
