"""Run `docker compose` commands without Docker: each service is a process of the built image, on loopback, with its files in a folder."""

from __future__ import annotations

import argparse
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from psycopg import sql

from adapters.persistence.embedded.cluster import SUPERUSER
from adapters.persistence.embedded.paths import ServerPaths
from adapters.persistence.embedded.server import DATABASE, PREFECT_DATABASE
from tests.integration.docker import compose
from tests.integration.docker.dockerfile import Image
from tests.support.pasted_commands import Shell, end_group
from tests.support.ports import find_free_port
from tests.support.postgres import a_server_in

_SECONDS: Final = 120.0
_CHECK_SECONDS: Final = 1.0
"""The pause between two health checks, each of which starts an interpreter."""
_ADDRESS: Final = re.compile(r"\b(?:prefect|web|localhost|127\.0\.0\.1):(4200|8000)\b")
_DATABASE: Final = re.compile(r"@postgres:5432/(\w+)")


@dataclass(frozen=True, slots=True)
class ComposeCommand:
    """`docker compose -f FILE up --build --detach`, or `docker compose -f FILE exec -T SERVICE ARGV`."""

    file: str
    name: str
    is_building: bool
    is_detached: bool
    service: str
    argv: list[str]


def parse_command(line: str) -> ComposeCommand:
    """Parse the command line. Raise SystemExit if it has an unknown option."""
    program, plugin, *words = shlex.split(line)
    assert (program, plugin) == ("docker", "compose"), line
    parser = argparse.ArgumentParser("docker compose")
    parser.add_argument("-f", dest="file", required=True)
    commands = parser.add_subparsers(dest="name", required=True)
    up = commands.add_parser("up")
    up.add_argument("--build", action="store_true", dest="is_building")
    up.add_argument("--detach", action="store_true", dest="is_detached")
    execute = commands.add_parser("exec")
    execute.add_argument("-T", action="store_true")
    execute.add_argument("service")
    execute.add_argument("argv", nargs=argparse.REMAINDER)
    found = parser.parse_args(words)
    values = {"is_building": False, "is_detached": False, "service": "", "argv": []} | vars(found)
    values.pop("T", None)
    return ComposeCommand(**values)


class ComposeProject:
    """The services of a compose file, with the variables of the env file beside it."""

    def __init__(self, file: Path, image: Image, folder: Path) -> None:
        self._file = file
        self.services = self._list_services()
        self._image = image
        self._folder = folder
        self._ports = {"4200": str(find_free_port()), "8000": str(find_free_port())}
        self._started: list[str] = []
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._postgres: ServerPaths | None = None

    @contextmanager
    def up(self) -> Iterator[None]:
        """Start each service that does not run once the conditions of its `depends_on` hold, and wait until all are healthy.

        After the block, stop those that it started.
        """
        running, self.services = set(self._started), self._list_services()
        with ExitStack() as stack:
            for name in (each for each in self._list_in_order() if each not in running):
                self._started.append(name)
                stack.callback(self._started.remove, name)
                for other, rule in self.services[name].get("depends_on", {}).items():
                    self._wait_for(other, rule["condition"])
                if name == "postgres":
                    self._postgres = stack.enter_context(self._running_postgres())
                else:
                    stack.callback(end_group, self._start(name), signal.SIGTERM)
            for name, service in self.services.items():
                if "healthcheck" in service:
                    self._wait_for(name, "service_healthy")
            yield

    def write_docker_program(self, path: Path) -> None:
        """Write a program `docker` that executes `docker compose -f FILE exec -T SERVICE ARGV`."""
        lines = [
            "#!/bin/sh",
            'test "$1 $2 $3 $4 $5" = "compose -f docker/compose.yaml exec -T" && shift 5 && service=$1 && shift || exit 125',
        ]
        for service in self._started:
            if service in self._processes:
                variables = (f"{name}={value}" for name, value in self._build_environment(service).items())
                lines.append(
                    f'test $service != {service} || {{ cd {self._image.workdir_path} && exec env -i {shlex.join(variables)} "$@"; }}'
                )
        path.write_text("\n".join([*lines, "exit 1\n"]))
        path.chmod(0o755)

    def build_shell(self, service: str) -> Shell:
        """Return a terminal in the container of a service."""
        return Shell(self._image.workdir_path, self._build_environment(service))

    def map_addresses(self, text: str) -> str:
        """Return the text with the addresses of services replaced by those on this machine."""
        text = _ADDRESS.sub(lambda found: f"127.0.0.1:{self._ports[found[1]]}", text)
        text = _DATABASE.sub(lambda found: f"@/{found[1]}?host={self._socket_folder}", text)
        return {"0.0.0.0": "127.0.0.1", "--host=127.0.0.1": f"--host={self._socket_folder}", **self._ports}.get(text, text)

    def _list_services(self) -> dict[str, Any]:
        """Return the services without a profile, and those of the profiles that the env file names."""
        variables = compose.read_env_file(self._file.parent / ".env")
        profiles = set(variables.get("COMPOSE_PROFILES", "").split(","))
        services = compose.load(variables, self._file)["services"]
        return {name: service for name, service in services.items() if profiles.issuperset(service.get("profiles", ()))}

    @property
    def _socket_folder(self) -> Path | None:
        return self._postgres.socket_dir if self._postgres else None

    def _list_in_order(self) -> list[str]:
        """Return the services so that each follows those it depends on."""
        ordered: list[str] = []
        while len(ordered) < len(self.services):
            ready = [name for name, service in self.services.items() if set(service.get("depends_on", {})) <= set(ordered)]
            ordered += [name for name in ready if name not in ordered]
        return ordered

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        service = self.services[name]
        argv = [*service.get("entrypoint", self._image.entrypoint), *service["command"]]
        with self._get_log(name).open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [self.map_addresses(word) for word in argv],
                cwd=self._image.workdir_path,
                env=self._build_environment(name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self._processes[name]

    def _build_environment(self, name: str) -> dict[str, str]:
        """Return the environment of a container. PATH also leads to PostgreSQL's programs, and the port is the one that stands for 8000."""
        mapped = self._image.build_environment(self.services[name]["environment"])
        programs = self._postgres.binaries if self._postgres else ""
        own = {"PATH": f"{mapped['PATH']}:{programs}", "HEADGATE_PORT": self._ports["8000"], "NO_PROXY": "127.0.0.1"}
        return {variable: self.map_addresses(value) for variable, value in mapped.items()} | own

    def _wait_for(self, name: str, condition: str) -> None:
        if condition == "service_completed_successfully":
            assert self._processes[name].wait(_SECONDS) == 0, self._get_log(name).read_text()
            return
        assert condition == "service_healthy"
        kind, *argv = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        check = shlex.join(self.map_addresses(self._image.map_paths(word)) for word in argv)
        deadline = time.monotonic() + _SECONDS
        while subprocess.run(["sh", "-c", check], env=self._build_environment(name), capture_output=True, check=False).returncode != 0:
            process = self._processes.get(name)
            assert process is None or process.poll() is None, self._get_log(name).read_text()
            assert time.monotonic() < deadline, f"{name} is not healthy"
            time.sleep(_CHECK_SECONDS)

    @contextmanager
    def _running_postgres(self) -> Iterator[ServerPaths]:
        """Run a server as the image of PostgreSQL does: with the user, the database and the scripts of its service."""
        variables = self.services["postgres"]["environment"]
        assert (variables["POSTGRES_USER"], variables["POSTGRES_DB"]) == (SUPERUSER, DATABASE)
        with a_server_in(self._folder / "postgres") as server:
            assert server.paths is not None
            with server.connection() as connection:
                connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(PREFECT_DATABASE)))
                connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(SUPERUSER), variables["POSTGRES_PASSWORD"]))
            client = {"PATH": f"{server.paths.binaries}:/usr/bin:/bin", "PGHOST": str(server.paths.socket_dir)}
            for script in self._list_initialization_scripts():
                subprocess.run(["sh", script], env={**variables, **client, "PGPASSWORD": variables["POSTGRES_PASSWORD"]}, check=True)
            yield server.paths

    def _list_initialization_scripts(self) -> Sequence[Path]:
        (folder,) = [
            source for source, _, target in (mount.partition(":") for mount in self.services["postgres"]["volumes"]) if "initdb" in target
        ]
        return sorted((self._file.parent / folder).glob("*.sh"))

    def _get_log(self, name: str) -> Path:
        return self._folder / f"{name}.log"
