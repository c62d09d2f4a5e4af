"""The commands of the page about containers, with the image and the services of the compose file."""

from __future__ import annotations

import re
import secrets
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.docker import compose
from tests.integration.docker.compose_project import ComposeProject, parse_command
from tests.integration.docker.dockerfile import Image
from tests.support.page_blocks import Block
from tests.support.pasted_commands import Shell, build_shell_environment
from tests.support.paths import ROOT
from tests.support.sign_in import sign_in
from tests.support.temporary_folders import a_temporary_folder
from tests.support.waiting import wait_for

PASSWORD = "four words of mine"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a copy of `docker/`, where the page's `docker/.env` can be written."""
    with a_temporary_folder() as path:
        shutil.copytree(ROOT / "docker", path / "docker", ignore=shutil.ignore_patterns(".env"))
        yield path


def test_the_commands_of_the_page_start_a_headgate_that_runs_pipelines(image: Image, folder: Path, blocks: list[Block]) -> None:
    copy_env_file, up, create_account, create_token, start_worker = blocks
    Shell(folder, build_shell_environment(folder)).run(copy_env_file.text)
    write_secrets(folder / "docker" / ".env")
    start, execute = parse_command(up.text), parse_command(create_account.text)
    start_again = parse_command(start_worker.text)
    assert (start.name, start.is_building, execute.name) == ("up", True, "exec")
    assert (start_again.name, start_again.is_detached, start_again.file) == ("up", True, start.file)
    project = ComposeProject(folder / start.file, image, folder)
    (published,) = project.services["web"]["ports"]
    address = f"http://{published.rpartition(':')[0]}"

    with project.up():
        shown = project.build_shell(execute.service).run_in_terminal(
            shlex.join(execute.argv), [("Password: ", PASSWORD), ("confirmation: ", PASSWORD)]
        )
        ada = sign_in(project.map_addresses(address), "ada", PASSWORD)
        project.write_docker_program(folder / "docker-program")
        Shell(folder, build_shell_environment(folder)).run(create_token.text.replace("docker compose", f"{folder}/docker-program compose"))
        with project.up(), httpx.Client(base_url=project.map_addresses(address), headers=ada) as http:
            run = finish_run(http, "flights")

    assert "Created account ada (admin)." in shown
    assert address in (ROOT / "docs/how-to/run-in-containers.md").read_text()
    assert run["status"] == "completed", run


def write_secrets(env_file: Path) -> None:
    """Fill in every variable that is empty."""
    lines = [f"{line}{secrets.token_hex(32)}" if line.endswith("=") else line for line in env_file.read_text().splitlines()]
    env_file.write_text("\n".join([*lines, ""]))
    assert set(compose.read_env_file(env_file)) == compose.list_required_variables()


def finish_run(http: httpx.Client, pipeline: str) -> dict[str, object]:
    """Trigger the pipeline with the key of the page's forms, and return its run once it is over."""
    (key,) = set(re.findall('name="_key" value="([^"]+)"', http.get("/", headers={"Accept": "text/html"}).text))
    run_id = http.post(f"/trigger/{pipeline}", headers={"X-Headgate-Key": key}).raise_for_status().json()["run_id"]
    wait_for(lambda: http.get(f"/runs/{run_id}").json()["finished_at"], 120)
    return dict(http.get(f"/runs/{run_id}").json())


@pytest.mark.parametrize("line", ["docker compose -f a up --bild", "docker compose up", "docker compose -f a start"])
def test_a_command_that_docker_does_not_know_is_refused(line: str) -> None:
    with pytest.raises(SystemExit):
        parse_command(line)
