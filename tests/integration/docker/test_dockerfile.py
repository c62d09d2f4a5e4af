from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.integration.docker import compose
from tests.integration.docker.dockerfile import Image, build, instructions, is_sent

DOCKERFILE = compose.ROOT / "docker" / "Dockerfile"


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """The Dockerfile's steps done for real, from the lock, in a folder."""
    with TemporaryDirectory(prefix="headgate-image-") as folder:
        yield build(DOCKERFILE, compose.ROOT, Path(folder))


def test_the_image_is_the_web_and_nobody_privileged(image: Image) -> None:
    assert (image.entrypoint, image.command) == (["headgate"], ["web"])
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", image.user)


def test_what_the_image_holds_runs_the_commands_of_compose(image: Image, tmp_path: Path) -> None:
    for name, service in compose.load()["services"].items():
        if service.get("image") != "headgate":
            continue
        argv = [*service.get("entrypoint", image.entrypoint), *_asking_for_help(service["command"])]

        done = _in(image, argv, service["environment"])

        assert done.returncode == 0, (name, done.stderr)
        assert "Usage" in done.stdout or "usage" in done.stdout, name


def test_the_settings_of_the_web_are_taken_and_its_secrets_masked(image: Image) -> None:
    done = _in(image, ["headgate", "config"], compose.load()["services"]["web"]["environment"])

    assert done.returncode == 0, done.stderr
    assert "HEADGATE_HOST=0.0.0.0" in done.stdout
    assert not [secret for secret in compose.SECRETS.values() if secret in done.stdout]


def test_it_is_the_images_own_python_and_holds_no_installer(image: Image) -> None:
    where = "import sys, entrypoints; print(sys.prefix, entrypoints.__file__)"

    done = _in(image, ["python", "-c", where], {})

    assert done.stdout.split() == [f"{image.root}/opt/headgate", f"{image.root}/app/entrypoints/__init__.py"]
    assert not {"pip", "uv"} & {path.name for path in (image.root / "opt/headgate/bin").iterdir()}


def test_the_builder_gets_nothing_that_is_not_copied() -> None:
    for path in (".git", ".headgate", ".venv", "docker/.env", "tests", "domain/__pycache__"):
        assert not is_sent(compose.ROOT / ".dockerignore", path), path


def test_a_base_image_is_named_with_a_version() -> None:
    bases = [rest.split()[0] for word, rest in instructions(DOCKERFILE) if word == "FROM"]

    assert bases == ["python:${PYTHON}-slim"] * 2
    assert ("ARG", "PYTHON=3.11") in instructions(DOCKERFILE)


def _asking_for_help(command: list[str]) -> list[str]:
    """The command as it stands, asked what it does; options that it does not have are still refused."""
    return [*command, "--help"]


def _in(image: Image, argv: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    inside = {key: image.inside(value) for key, value in environment.items()}
    home = {"PREFECT_HOME": str(image.root / "prefect")} if "PREFECT_HOME" in environment else {}
    env = image.environment() | inside | home
    return subprocess.run(argv, env=env, cwd=image.root, capture_output=True, text=True, timeout=120, check=False)
