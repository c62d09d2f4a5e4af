"""The machines of a team's installation as folders of this machine, and what stands in for what they have."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.pasted_commands import Shell
from tests.support.paths import ROOT
from tests.support.ports import find_free_port
from tests.support.systemctl import Manager
from tests.support.tcp_postgres import TcpPostgres

SHARED_FOLDERS: Final = ("/opt/headgate", "/usr/local/bin")
"""Folders that are the same on each machine, so that the installation is made once."""
OWN_FOLDERS: Final = ("/opt/headgate/share", "/etc/headgate", "/etc/systemd/system", "/etc/nginx", "/var/lib/headgate")
"""Folders that each machine has."""
STAND_INS: Final = {
    "apt-get": "",
    "useradd": "",
    # Its packages are those of the tests: only the wheel is installed.
    "python3": """
        {python} "$@"
        echo {packages} > $(echo "$3"/lib/python3.*/site-packages)/packages.pth
        ln -s {programs}/prefect "$3/bin/prefect"
    """,
    "runuser": """
        test "$1 $2 $3" = "-u postgres --"
        shift 3
        {postgres} exec "$@"
    """,
    "systemctl": """
        test "$1" != reload || {{ shift; set -- restart "$@"; }}
        PYTHONPATH={root} exec {python} -m tests.support.systemctl {services} {machine}/etc/systemd/system "$@"
    """,
}
"""Programs of the system, as scripts: they would install packages, become another user or start services."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """The ports of this machine that stand for those of the page."""

    postgres: int
    prefect: int
    web_1: int
    web_2: int
    http: int
    https: int

    @property
    def public_url(self) -> str:
        return f"https://localhost:{self.https}"

    def list_substitutions(self) -> dict[str, str]:
        """Return what is replaced on the page and in the files that it names, in this order."""
        return {
            "https://headgate.example.com": self.public_url,
            "headgate.example.com": "localhost",
            "127.0.0.1:5432": f"127.0.0.1:{self.postgres}",
            "127.0.0.1:4200": f"127.0.0.1:{self.prefect}",
            "--port 4200": f"--port {self.prefect}",
            "127.0.0.1:8001": f"127.0.0.1:{self.web_1}",
            "127.0.0.1:8002": f"127.0.0.1:{self.web_2}",
            "headgate-web@8001": f"headgate-web@{self.web_1}",
            "headgate-web@8002": f"headgate-web@{self.web_2}",
            "listen 80;": f"listen 127.0.0.1:{self.http};",
            "listen 443 ssl": f"listen 127.0.0.1:{self.https} ssl",
        }


def choose_addresses(postgres: TcpPostgres) -> Addresses:
    return Addresses(postgres.port, *(find_free_port() for _ in range(5)))


class Machine:
    """A machine of the page: a folder for its files, a shell, and a manager of its services.

    `variables` are what its processes find there: the authorities that it trusts, its name, its cores.
    """

    def __init__(self, name: str, site: Path, addresses: Addresses, postgres: TcpPostgres, variables: Mapping[str, str]) -> None:
        self.name = name
        self.folder = site / name
        self._shared = site / "shared"
        self._addresses = addresses
        self._services = self.folder / "services"
        self._units = self.folder / "etc/systemd/system"
        for each in (self._services, self._units, self.folder / "etc/nginx/conf.d", self.folder / "root", self._shared / "usr/local/bin"):
            each.mkdir(parents=True, exist_ok=True)
        self._shared.joinpath("opt").mkdir(exist_ok=True)
        self._write_stand_ins(postgres)
        self.manager = Manager(self._services, self._units)
        inherited = {name: os.environ[name] for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME") if name in os.environ}
        path = f"{self.folder / 'bin'}:{self._shared / 'usr/local/bin'}:{postgres.binaries}:/usr/sbin:/usr/bin:/sbin:/bin"
        machine = {f"MACHINE_{key}": value for key, value in variables.items()}
        pip = {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        self.shell = Shell(self.folder / "root", inherited | dict(variables) | machine | pip | {"PATH": path, "COLUMNS": "120"})

    def localize(self, text: str) -> str:
        """Return the text with addresses and folders replaced."""
        for old, new in self._addresses.list_substitutions().items():
            text = text.replace(old, new)
        marked = {folder: f"\0{index}" for index, folder in enumerate((*OWN_FOLDERS, *SHARED_FOLDERS))}
        for folder, mark in marked.items():
            text = text.replace(folder, mark)
        for folder, mark in marked.items():
            root = self.folder if folder in OWN_FOLDERS else self._shared
            text = text.replace(mark, f"{root}{folder}")
        return text

    def run(self, commands: str) -> str:
        """Run commands of the page, and return what they print."""
        return self.shell.run(self.localize(commands))

    def receive_files(self) -> None:
        """Give this machine the files of the installed wheel that name addresses and folders."""
        for source in (self._shared / "opt/headgate/share/headgate").rglob("*"):
            if source.is_file():
                target = self.folder / "opt/headgate/share/headgate" / source.relative_to(self._shared / "opt/headgate/share/headgate")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(self.localize(source.read_text()))

    def receive_certificate(self, certificate: Path) -> None:
        """Put the certificate and the key beside it where the page says."""
        folder = Path(self.localize("/etc/headgate/tls"))
        folder.mkdir()
        shutil.copy(certificate, folder)
        shutil.copy(certificate.with_name("key.pem"), folder)

    def install_nginx(self) -> None:
        """Define the service `nginx`, with nginx itself if this machine has it."""
        conf = self.folder / "etc/nginx"
        program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
        if program is None:
            command = f"{sys.executable} -m tests.support.nginx_stand_in {conf}/conf.d/headgate.conf"
        else:
            (conf / "nginx.conf").write_text(_NGINX.format(folder=self.folder))
            command = f"{program} -e {self.folder}/nginx-error.log -p {self.folder} -c {conf}/nginx.conf"
        (self._units / "nginx.service").write_text(
            f"[Service]\nType=exec\nExecStart={command}\nEnvironment=PYTHONPATH={ROOT}\nKillMode=mixed\nTimeoutStopSec=5\n"
            f"StateDirectory=nginx\nStateDirectoryMode=0755\nWorkingDirectory={self.folder}/var/lib/nginx\n"
        )

    def kill(self, unit: str) -> None:
        """kill -9 of the main process of a unit."""
        pid = self.manager.read_pid(f"{self.localize(unit)}.service")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        """Kill every process that its services started."""
        for file in self._services.glob("*.pid"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(file.read_text()), signal.SIGKILL)

    def describe(self) -> Iterator[str]:
        """Yield the end of each log."""
        for log in sorted(self._services.glob("*.log")):
            yield f"--- {self.name}: {log.name}\n{log.read_text(errors='replace')[-4_000:]}"

    def _write_stand_ins(self, postgres: TcpPostgres) -> None:
        client = " ".join(f"{name}={value}" for name, value in postgres.build_client_environment().items())
        packages = next(Path(entry) for entry in sys.path if entry.endswith("site-packages"))
        values = {
            "python": shlex.quote(sys.executable),
            "packages": packages,
            "programs": Path(sys.executable).parent,
            "postgres": client,
            "root": ROOT,
            "services": self._services,
            "machine": self.folder,
        }
        (self.folder / "bin").mkdir(exist_ok=True)
        for name, script in STAND_INS.items():
            (self.folder / "bin" / name).write_text("#!/bin/sh\nset -e\n" + script.format_map(values))
            (self.folder / "bin" / name).chmod(0o755)


_NGINX: Final = """
daemon off;
pid {folder}/nginx.pid;
worker_processes 1;
events {{}}
http {{
    access_log {folder}/nginx-access.log;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    include {folder}/etc/nginx/conf.d/*.conf;
}}
"""
"""The file of the system, which includes those of conf.d."""
