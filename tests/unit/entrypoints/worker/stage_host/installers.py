"""Ways to install a package whose `WHOSE` is `mine`, as pip and the build backends do."""

from __future__ import annotations

import zipfile

from tests.unit.entrypoints.worker.stage_host.interpreter import Interpreter

FINDER = """
import importlib.machinery, sys
class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if path is None and name == {name!r}:
            return importlib.machinery.PathFinder.find_spec(name, [{folder!r}])
sys.meta_path.append(Finder)
"""

REDIRECTION = """
import importlib.abc, importlib.util, sys
class Finder(importlib.abc.MetaPathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name == {name!r}:
            return importlib.util.spec_from_file_location(name, {file!r})
sys.meta_path.append(Finder)
"""


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


def install_by_link(interpreter: Interpreter, name: str) -> None:
    """Install as `flit install --symlink` does."""
    interpreter.write(interpreter.elsewhere / "linked" / name / "__init__.py", "WHOSE = 'mine'\n")
    (interpreter.site / name).symlink_to(interpreter.elsewhere / "linked" / name)


def install_by_relative_path(interpreter: Interpreter, name: str) -> None:
    """Install as setuptools' `develop` and conda's do, with a path that starts at the file."""
    interpreter.write(interpreter.site.parent / "sources" / name / "__init__.py", "WHOSE = 'mine'\n")
    interpreter.write(interpreter.site / "easy-install.pth", "./../sources\n")


def install_by_first_finder(interpreter: Interpreter, name: str) -> None:
    """Install as meson-python and scikit-build-core do: their finders come before all others."""
    install_by_finder(interpreter, name)
    interpreter.write(
        interpreter.site / f"_finder_of_{name}.py",
        FINDER.format(name=name, folder=str(interpreter.elsewhere / "found")).replace("append(", "insert(0, "),
    )


def install_by_redirection(interpreter: Interpreter, name: str) -> None:
    """Install as hatchling's exact mode and PDM do: a finder that maps the name to its file."""
    file = interpreter.elsewhere / "exact" / name / "__init__.py"
    interpreter.write(file, "WHOSE = 'mine'\n")
    interpreter.write(interpreter.site / f"_editable_impl_{name}.py", REDIRECTION.format(name=name, file=str(file)))
    interpreter.write(interpreter.site / f"{name}.pth", f"import _editable_impl_{name}\n")


INSTALLERS = [
    *(install_by_path, install_by_finder, install_as_package, install_as_module, install_in_workdir, install_in_zip),
    *(install_by_link, install_by_relative_path, install_by_first_finder, install_by_redirection),
]
