"""Run a Dockerfile without Docker: every COPY and RUN acts on a folder in place of the root of the file system."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

# Commands that need root or a user database are replaced by no-ops; their effect is not tested.
_NO_OP_COMMANDS = ("groupadd", "useradd")
_COMPILE = " --compile-bytecode"
_IMAGE_PATHS = re.compile(r"(?<![\w./-])/(opt/headgate|app|var/lib/headgate|tmp)(?=[/\s:]|$)")


@dataclass(slots=True)
class Image:
    """The result of the steps: files below `root`, and the image's metadata."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "root"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    @property
    def workdir_path(self) -> Path:
        """The folder that stands for the working directory."""
        return self.root / self.workdir.lstrip("/")

    def map_paths(self, text: str) -> str:
        """Return the text with paths of the image replaced by paths in the folder."""
        return _IMAGE_PATHS.sub(lambda match: f"{self.root}{match[0]}", text)

    def build_environment(self, variables: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
        """Return the environment of a container. `variables` are those of its service."""
        named = {name: self.map_paths(value) for name, value in {**self.env, **variables}.items()}
        path = [*named.get("PATH", "").split(":"), str(self.root / "shims"), str(Path(sys.executable).parent), os.environ["PATH"]]
        return _get_package_index_variables() | {"HOME": str(self.root), "LANG": "C.UTF-8", **named, "PATH": ":".join(filter(None, path))}


def _get_package_index_variables() -> dict[str, str]:
    """Return the variables that pip and uv need on this machine: proxy, certificates, index and caches."""
    named = re.compile(r"(PIP|UV|SSL|XDG)_\w+|\w+_proxy|REQUESTS_CA_BUNDLE", re.IGNORECASE)
    caches = {"UV_CACHE_DIR": str(Path.home() / ".cache/uv"), "PIP_CACHE_DIR": str(Path.home() / ".cache/pip")}
    return caches | {name: value for name, value in os.environ.items() if named.fullmatch(name)}


def parse_instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """Return (keyword, arguments) for each instruction, with continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE)
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines()]
    return [(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in lines if line)]


def build(dockerfile: Path, context: Path, root: Path) -> Image:
    """Run every step and return the image of the last stage.

    Raise CalledProcessError if a RUN fails, FileNotFoundError if a COPY has no source.
    """
    (root / "tmp").mkdir()
    (root / "shims").mkdir()
    for name in _NO_OP_COMMANDS:
        (root / "shims" / name).write_text("#!/bin/sh\n")
        (root / "shims" / name).chmod(0o755)
    image = Image(root)
    for word, rest in parse_instructions(dockerfile):
        if word == "FROM":
            image = Image(root)
        else:
            _STEPS[word](image, rest, context)
    return image


def _run(image: Image, rest: str, context: Path) -> None:
    # The image's owner ids do not exist here, and the local caches avoid downloads.
    command = re.sub(r"-o \d+ -g \d+ | --no-cache(-dir)?\b", "", rest)
    for part in command.split(" && "):
        subprocess.run(
            ["sh", "-ec", image.map_paths(part.replace(_COMPILE, ""))], cwd=image.workdir_path, env=image.build_environment(), check=True
        )
        if _COMPILE in part:
            _copy_compiled_packages(image)


def _copy_compiled_packages(image: Image) -> None:
    """Copy the compiled modules of the tests' own packages. Python accepts those whose sources are the same, as uv's cache ensures.

    Compiling all packages takes 15 s of processor time. What is missing is compiled when it is imported.
    """
    compiled = Path(sysconfig.get_paths()["purelib"])
    (installed,) = image.root.glob("opt/*/lib/python*/site-packages")
    copy = os.link if installed.stat().st_dev == compiled.stat().st_dev else shutil.copy2
    for folder, subfolders, _ in os.walk(installed):
        source = compiled / Path(folder).relative_to(installed) / "__pycache__"
        if source.exists() and "__pycache__" not in subfolders:
            shutil.copytree(source, Path(folder, "__pycache__"), copy_function=copy)


def _copy(image: Image, rest: str, context: Path) -> None:
    *sources, target = [part for part in rest.split() if not part.startswith("--")]
    if "--from=" in rest:
        # All stages share one root, so the files are already in place. A virtual environment could not be moved anyway.
        assert sources == [target], rest
        assert (image.root / target.lstrip("/")).exists(), rest
        return
    for source in sources:
        assert is_included(context / ".dockerignore", source), f".dockerignore excludes {source}"
        destination = image.workdir_path / target / (Path(source).name if target.endswith("/") else "")
        if (context / source).is_dir():
            shutil.copytree(context / source, destination)  # with its compiled modules, so that not all are compiled again
        else:
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(context / source, destination)


def is_included(dockerignore: Path, path: str) -> bool:
    """Return True if the builder gets the file. The last pattern that matches it, or a folder above it, decides."""
    parts = Path(path).parts
    folders = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    included = True
    for line in dockerignore.read_text().splitlines():
        pattern = line.strip().removeprefix("!")
        if pattern and not pattern.startswith("#") and any(_matches(folder, pattern) for folder in folders):
            included = line.strip().startswith("!")
    return included


def _matches(path: str, pattern: str) -> bool:
    return fnmatch.fnmatch(path, pattern) or (pattern.startswith("**/") and fnmatch.fnmatch(Path(path).name, pattern[3:]))


def _env(image: Image, rest: str, context: Path) -> None:
    image.env |= dict(re.findall(r"(\w+)=(\S+)", rest))


def _workdir(image: Image, rest: str, context: Path) -> None:
    image.workdir = rest
    image.workdir_path.mkdir(parents=True, exist_ok=True)


def _set_metadata(name: str) -> object:
    def step(image: Image, rest: str, context: Path) -> None:
        setattr(image, name, json.loads(rest) if rest.startswith("[") else rest)

    return step


_STEPS = {
    "RUN": _run,
    "COPY": _copy,
    "ENV": _env,
    "WORKDIR": _workdir,
    "USER": _set_metadata("user"),
    "ENTRYPOINT": _set_metadata("entrypoint"),
    "CMD": _set_metadata("command"),
    "ARG": lambda *_: None,
    "EXPOSE": lambda *_: None,
}
