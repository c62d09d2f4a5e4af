from __future__ import annotations

import re
import subprocess

from tests.integration.docker import compose
from tests.integration.docker.dockerfile import Image, is_included, parse_instructions

DOCKERFILE = compose.ROOT / "docker" / "Dockerfile"


def test_the_image_runs_the_web_as_an_unprivileged_user(image: Image) -> None:
    assert (image.entrypoint, image.command) == (["headgate"], ["web"])
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", image.user)


def test_config_accepts_the_settings_and_masks_secrets(image: Image) -> None:
    result = _run_in(image, ["headgate", "config"], compose.load()["services"]["web"]["environment"])

    assert result.returncode == 0, result.stderr
    assert "HEADGATE_HOST=0.0.0.0" in result.stdout
    assert not [secret for secret in compose.SECRETS.values() if secret in result.stdout]


def test_the_image_uses_its_own_python_and_has_no_installer(image: Image) -> None:
    where = "import sys, entrypoints; print(sys.prefix, entrypoints.__file__)"

    result = _run_in(image, ["python", "-c", where], {})

    assert result.stdout.split() == [f"{image.root}/opt/headgate", f"{image.root}/app/entrypoints/__init__.py"]
    assert not {"pip", "uv"} & {path.name for path in (image.root / "opt/headgate/bin").iterdir()}


def test_the_builder_gets_no_file_that_is_not_copied() -> None:
    for path in (".git", ".headgate", ".venv", "docker/.env", "tests", "domain/__pycache__"):
        assert not is_included(compose.ROOT / ".dockerignore", path), path


def test_base_images_have_a_version() -> None:
    bases = [rest.split()[0] for word, rest in parse_instructions(DOCKERFILE) if word == "FROM"]

    assert bases == ["python:${PYTHON}-slim"] * 2
    assert ("ARG", "PYTHON=3.11") in parse_instructions(DOCKERFILE)


def _run_in(image: Image, argv: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    env = image.build_environment(environment)
    return subprocess.run(argv, env=env, cwd=image.workdir_path, capture_output=True, text=True, timeout=120, check=False)
