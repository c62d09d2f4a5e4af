"""A whole Headgate as its user starts it: one process on free ports, in a temporary home."""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import httpx

from tests.support.clusters import Contents, copy_cluster
from tests.support.headgate_command import build_argv
from tests.support.pasted_commands import Shell, build_shell_environment, press_ctrl_c
from tests.support.paths import ROOT
from tests.support.plain_http import NO_TLS
from tests.support.ports import find_free_port
from tests.support.temporary_folders import a_temporary_folder
from tests.support.waiting import wait_for

START_SECONDS = 120.0
UNREACHABLE = "http://127.0.0.1:9/api"
"""The address of a Prefect server that does not run."""


class Headgate:
    """`headgate up`, or a shell command that starts it. Speak to it by `http`; `home` outlives it, so that it can be started again.

    Prefect's server takes as long to start as all the rest: with `with_prefect=False` there is none.
    """

    def __init__(
        self, home: Path, *, examples: bool = True, with_prefect: bool = True, command: str | None = None, **environment: str
    ) -> None:
        self.home = home
        self.command = command
        self.port = find_free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, timeout=20, verify=NO_TLS)
        self._argv = ["sh", "-euc", command] if command else build_argv("up", *([] if examples else ["--no-examples"]))
        self._environment = environment if with_prefect else environment | {"HEADGATE_PREFECT_API_URL": UNREACHABLE}
        self._log = home.parent / "up.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        self.launch()
        self.wait_until_ready()
        return self

    def launch(self) -> None:
        """Start the process without waiting until it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv, cwd=ROOT, env=self._env(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def wait_until_ready(self) -> None:
        """Wait until triggers are accepted and a worker has registered."""
        self.wait_until(lambda: self.readiness().get("workers", {}).get("count", 0) > 0, START_SECONDS)

    def readiness(self) -> dict[str, Any]:
        """What /readyz says; nothing while it does not respond 200."""
        assert self._process is not None
        assert self._process.poll() is None, self.terminal()
        try:
            answer = self.http.get("/readyz")
        except httpx.TransportError:
            return {}
        return dict(answer.json()) if answer.status_code == 200 else {}

    def wait_for_prefect(self) -> None:
        self.wait_until(lambda: self.readiness().get("prefect") == "up", START_SECONDS)

    def build_shell(self) -> Shell:
        """Return a second terminal in the folder that it was started in."""
        return Shell(ROOT, self._env())

    def build_prefect_client(self) -> httpx.Client:
        """Return a client of the API of its Prefect server, which has started."""
        (url,) = set(re.findall(r"Prefect ready: (\S+)", self._log.read_text()))
        return httpx.Client(base_url=f"{url}/api", auth=("headgate", (self.home / "prefect-password").read_text().strip()), verify=NO_TLS)

    def interrupt(self) -> int:
        """Press Ctrl-C and return its exit code."""
        assert self._process is not None
        return press_ctrl_c(self._process)

    def kill(self) -> None:
        """kill -9 of `up` itself."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def processes(self) -> list[int]:
        """Every living process that was started with this home."""
        mine = f"HEADGATE_HOME={self.home}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                arguments = (folder / "cmdline").read_bytes()
                environment = (folder / "environ").read_bytes()
                if arguments and (mine in environment.split(b"\0") or str(self.home).encode() in arguments + environment):
                    found.append(int(folder.name))
        return found

    def end(self) -> None:
        """Whatever is left of it is ended by pid."""
        if self._process is not None and self._process.poll() is None:
            press_ctrl_c(self._process)
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.http.close()

    def terminal(self) -> str:
        return self._log.read_text(errors="replace")[-6_000:]

    def finished(self, run_id: int, seconds: float = 90.0) -> dict[str, Any]:
        """The run once it is over."""
        over = {"completed", "failed", "cancelled", "lost"}
        self.wait_until(lambda: self.http.get(f"/runs/{run_id}").json()["status"] in over, seconds)
        return dict(self.http.get(f"/runs/{run_id}").json())

    def create(self, name: str, stages: list[dict[str, Any]], **keys: Any) -> dict[str, Any]:
        answer = self.http.post("/pipelines/", json={"name": name, "stages": stages, **keys})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def trigger(self, name: str, **parameters: Any) -> int:
        answer = self.http.post(f"/trigger/{name}", json={"parameters": parameters})
        assert answer.status_code == 202, answer.text
        return int(answer.json()["run_id"])

    def stages(self, run_id: int) -> dict[str, dict[str, Any]]:
        return {stage["name"]: stage for stage in self.http.get(f"/runs/{run_id}/stages").json()}

    def wait_until(self, condition: Callable[[], Any], seconds: float) -> None:
        wait_for(condition, seconds, self.terminal)

    def _env(self) -> dict[str, str]:
        own = {"HEADGATE_HOME": str(self.home), "HEADGATE_PORT": str(self.port)}
        return build_shell_environment(self.home.parent) | own | self._environment


def read_command_line(pid: int) -> list[str]:
    """Return the arguments of a process, or nothing if it has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")[:-1]
    except OSError:
        return []


@contextlib.contextmanager
def temporary_headgate(*, has_new_home: bool = False, with_prefect: bool = True, **keys: Any) -> Iterator[Headgate]:
    """Yield one that is not started. Unless its home is new, its databases are migrated already, which saves half of the first start.

    It is ended and its folder removed afterwards.
    """
    with a_temporary_folder("headgate-system-") as folder:
        home = folder / "home"
        if not has_new_home:
            copy_cluster(Contents.PREFECT if with_prefect else Contents.TABLES, home)
        headgate = Headgate(home, with_prefect=with_prefect, **keys)
        try:
            yield headgate
        finally:
            headgate.end()
