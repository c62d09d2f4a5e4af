"""Runs a Dockerfile without Docker: each COPY and RUN in one folder that stands for the root of the file system."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

# What needs root or a user database is named and passed over: its effect is not what is looked at.
_PASSED_OVER = ("groupadd", "useradd")
_OURS = re.compile(r"(?<![\w./-])/(opt/headgate|app|var/lib/headgate)(?=[/\s:]|$)")


@dataclass(slots=True)
class Image:
    """What the steps left: files below `root`, and what the image says of itself."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "root"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def inside(self, text: str) -> str:
        """`text` with the paths of the image made those of the folder."""
        return _OURS.sub(lambda match: f"{self.root}{match[0]}", text)

    def environment(self) -> dict[str, str]:
        named = {name: self.inside(value) for name, value in self.env.items()}
        path = [*named.get("PATH", "").split(":"), str(self.root / "shims"), str(Path(sys.executable).parent), os.environ["PATH"]]
        return _way_to_packages() | {"HOME": str(self.root), "LANG": "C.UTF-8", **named, "PATH": ":".join(filter(None, path))}


def _way_to_packages() -> dict[str, str]:
    """What this machine needs to reach its package index: its proxy, certificates, mirror and the caches of pip and uv."""
    named = re.compile(r"(PIP|UV|SSL|XDG)_\w+|\w+_proxy|REQUESTS_CA_BUNDLE", re.IGNORECASE)
    caches = {"UV_CACHE_DIR": str(Path.home() / ".cache/uv"), "PIP_CACHE_DIR": str(Path.home() / ".cache/pip")}
    return caches | {name: value for name, value in os.environ.items() if named.fullmatch(name)}


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """(`RUN`, what follows it) for each instruction, lines that go on joined."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE)
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines()]
    return [(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in lines if line)]


def build(dockerfile: Path, context: Path, root: Path) -> Image:
    """Do every step; the last stage's image. CalledProcessError when a RUN fails, FileNotFoundError when a COPY has no source."""
    (root / "shims").mkdir(parents=True)
    for name in _PASSED_OVER:
        (root / "shims" / name).write_text("#!/bin/sh\n")
        (root / "shims" / name).chmod(0o755)
    image = Image(root)
    for word, rest in instructions(dockerfile):
        if word == "FROM":
            image = Image(root)
        else:
            _STEPS[word](image, rest, context)
    return image


def _run(image: Image, rest: str, context: Path) -> None:
    # Nobody here has the number of an owner, and the caches of this machine spare it a download.
    here = re.sub(r"-o \d+ -g \d+ | --no-cache(-dir)?\b", "", rest)
    subprocess.run(["sh", "-ec", image.inside(here)], cwd=_at(image), env=image.environment(), check=True)


def _copy(image: Image, rest: str, context: Path) -> None:
    *sources, target = [part for part in rest.split() if not part.startswith("--")]
    if "--from=" in rest:
        # All stages share one root, so what another built lies where it shall be; a venv could not be moved anyway.
        assert sources == [target], rest
        assert (image.root / target.lstrip("/")).exists(), rest
        return
    for source in sources:
        assert is_sent(context / ".dockerignore", source), f".dockerignore keeps {source} from the builder"
        goal = _at(image) / target / (Path(source).name if target.endswith("/") else "")
        if (context / source).is_dir():
            shutil.copytree(context / source, goal, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            goal.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(context / source, goal)


def is_sent(dockerignore: Path, path: str) -> bool:
    """The last line that matches `path`, or a folder it lies in, decides."""
    parts = Path(path).parts
    folders = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    sent = True
    for line in dockerignore.read_text().splitlines():
        pattern = line.strip().removeprefix("!")
        if pattern and not pattern.startswith("#") and any(_matches(folder, pattern) for folder in folders):
            sent = line.strip().startswith("!")
    return sent


def _matches(path: str, pattern: str) -> bool:
    return fnmatch.fnmatch(path, pattern) or (pattern.startswith("**/") and fnmatch.fnmatch(Path(path).name, pattern[3:]))


def _env(image: Image, rest: str, context: Path) -> None:
    image.env |= dict(re.findall(r"(\w+)=(\S+)", rest))


def _workdir(image: Image, rest: str, context: Path) -> None:
    image.workdir = rest
    _at(image).mkdir(parents=True, exist_ok=True)


def _at(image: Image) -> Path:
    return image.root / image.workdir.lstrip("/")


def _say(name: str) -> object:
    def step(image: Image, rest: str, context: Path) -> None:
        setattr(image, name, json.loads(rest) if rest.startswith("[") else rest)

    return step


_STEPS = {
    "RUN": _run,
    "COPY": _copy,
    "ENV": _env,
    "WORKDIR": _workdir,
    "USER": _say("user"),
    "ENTRYPOINT": _say("entrypoint"),
    "CMD": _say("command"),
    "ARG": lambda *_: None,
    "EXPOSE": lambda *_: None,
}
