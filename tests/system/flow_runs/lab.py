"""A Headgate beside a real Prefect server and Prefect's own process worker, each of which can be stopped, frozen and killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx

from adapters.orchestration.prefect_environment import build_client_environment
from tests.chaos.process import Process, list_children, wait_until_gone
from tests.chaos.stack import Stack, chaos_stack
from tests.support.waiting import wait_for

POOL: Final = "batch"
LATE_POOL: Final = "k8s"
"""A pool that no worker serves before a test starts one."""
IDLE_POOL: Final = "idle"
"""A pool that no worker ever serves."""
STEP_SECONDS: Final = 150.0
"""How long a test waits for one step: Prefect's worker takes seconds to start a flow, and longer on a busy machine."""
ENDED: Final = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
_FLOWS: Final = Path(__file__).with_name("flows.py")
_ENGINE: Final = {"command": f"{sys.executable} -m prefect.engine"}
"""The job variables of most deployments. Without a command, Prefect prepares a workspace first and is imported twice for each flow run."""


class FlowRunLab:
    """`deploy` makes `act/NAME` in Prefect, and `create` a pipeline with one stage, `train`, that runs it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.http = httpx.Client(base_url=stack.urls[0], timeout=20, trust_env=False, headers={"Accept": "application/json"})
        user, _, password = stack.server.auth_string.partition(":")
        self.prefect = httpx.Client(base_url=stack.server.api_url, auth=(user, password), timeout=20, trust_env=False)
        self.worker = self._build_worker(POOL)
        shutil.copy(_FLOWS, stack.folder)

    def close(self) -> None:
        """Kill Prefect's worker with its flow runs."""
        self.kill_worker()
        self.http.close()
        self.prefect.close()

    def prepare_prefect(self) -> None:
        """Create the pools with the deployments `act/local`, `act/single` (one flow run at a time), `act/remote` and `act/idle`.

        `act/remote` runs as Prefect does by default.
        """
        for pool in (POOL, LATE_POOL, IDLE_POOL):
            self.post("/work_pools/", {"name": pool, "type": "process"})
        self.deploy("local")
        self.deploy("single", concurrency_limit=1)
        self.deploy("remote", pool=LATE_POOL, job_variables={})
        self.deploy("idle", pool=IDLE_POOL)

    def deploy(self, name: str, pool: str = POOL, **more: Any) -> str:
        """Create the deployment act/NAME and return its id."""
        schema = {
            "type": "object",
            "title": "Parameters",
            "properties": {
                "behavior": {"type": "string"},
                "folder": {"type": "string", "default": ""},
                "count": {"type": "integer", "default": 2},
            },
            "required": ["behavior"],
        }
        deployment = {
            "name": name,
            "flow_id": self.post("/flows/", {"name": "act"})["id"],
            "work_pool_name": pool,
            "entrypoint": f"{_FLOWS.name}:act",
            "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": str(self.stack.folder)}}],
            "job_variables": _ENGINE,
            "parameter_openapi_schema": schema,
            "enforce_parameter_schema": True,
        }
        return str(self.post("/deployments/", deployment | more)["id"])

    def start_worker(self) -> None:
        """Start Prefect's process worker, unless it runs, and wait until Prefect counts it."""
        self.worker.start()
        wait_for(self.has_worker, STEP_SECONDS, self.worker.read_log)

    def has_worker(self) -> bool:
        found = self.post(f"/work_pools/{POOL}/workers/filter", {})
        return any(worker["status"] == "ONLINE" for worker in found)

    def kill_worker(self) -> None:
        """Kill -9 Prefect's worker and all processes of its flow runs."""
        end_with_children(self.worker)

    @contextlib.contextmanager
    def late_worker(self) -> Iterator[None]:
        """Run a worker for the late pool within the block."""
        worker = self._build_worker(LATE_POOL)
        worker.start()
        try:
            yield
        finally:
            end_with_children(worker)

    def restart_web(self, **environment: str) -> None:
        """Kill -9 the web, start it again with these variables, and wait until it is ready."""
        (web,) = self.stack.webs
        web.kill()
        web.start(**environment)
        self.stack.wait_for_web(0)

    def wait_until_web_ended(self) -> None:
        (web,) = self.stack.webs
        wait_for(lambda: not web.is_alive, STEP_SECONDS, self.read_logs)

    def create(self, name: str, behavior: str, deployment: str = "act/local", **stage: Any) -> None:
        """Create a pipeline whose one stage runs the deployment."""
        parameters = {"behavior": behavior, "folder": str(self.stack.folder / name), **stage.pop("parameters", {})}
        train = {"name": "train", "kind": "prefect", "deployment": deployment, "parameters": parameters, **stage}
        self.stack.create({"name": name, "stages": [train]})

    def trigger(self, name: str) -> int:
        return self.stack.trigger(name)

    def find_run(self, name: str) -> int:
        """Return the id of the only run of a pipeline."""
        (run,) = self._get(f"/pipelines/{name}/runs")
        return int(run["id"])

    def start(self, name: str, behavior: str, deployment: str = "act/local", **stage: Any) -> int:
        """Create a pipeline, trigger it, and return the run's id."""
        self.create(name, behavior, deployment, **stage)
        return self.trigger(name)

    def release(self, name: str) -> None:
        """Let the flow runs of a pipeline that wait go on."""
        (self.stack.folder / name).mkdir(exist_ok=True)
        (self.stack.folder / name / "release").touch()

    def get_stage(self, run_id: int) -> dict[str, Any]:
        (stage,) = self._get(f"/runs/{run_id}/stages")
        return dict(stage)

    def get_flow_run(self, run_id: int) -> dict[str, Any]:
        """Return the stage's flow run as the API shows it."""
        return dict(self.get_stage(run_id)["prefect"])

    def get_why(self, run_id: int) -> str:
        return str(self._get(f"/runs/{run_id}")["why"])

    def read_log(self, run_id: int) -> str:
        return self.http.get(f"/runs/{run_id}/logs", headers={"Accept": "text/plain"}).raise_for_status().text

    def list_events(self, run_id: int) -> list[dict[str, Any]]:
        return list(self._get(f"/runs/{run_id}/events?limit=500"))

    def wait_for_log(self, run_id: int, part: str) -> None:
        wait_for(
            lambda: part in self.read_log(run_id), STEP_SECONDS, lambda: f"{part!r} is not in\n{self.read_log(run_id)}\n{self.read_logs()}"
        )

    def wait_for_status(self, run_id: int, *statuses: str, seconds: float = STEP_SECONDS) -> dict[str, Any]:
        """Return the stage once it has one of these statuses."""
        return self.wait_for_stage(run_id, lambda stage: stage["status"] in statuses, seconds)

    def wait_for_end(self, run_id: int) -> dict[str, Any]:
        """Return the stage once it is over."""
        return self.wait_for_status(run_id, "completed", "failed", "cancelled", "lost")

    def wait_for_stage(self, run_id: int, condition: Callable[[dict[str, Any]], bool], seconds: float = STEP_SECONDS) -> dict[str, Any]:
        def find() -> dict[str, Any] | None:
            stage = self.get_stage(run_id)
            return stage if condition(stage) else None

        found = wait_for(find, seconds, lambda: f"{self.get_stage(run_id)}\n{self.get_why(run_id)}\n{self.read_logs()}")
        return dict(found)

    def wait_for_why(self, run_id: int, part: str, seconds: float = STEP_SECONDS) -> str:
        """Return the run's sentence once it contains a part."""
        wait_for(lambda: part in self.get_why(run_id), seconds, lambda: f"{part!r} is not in {self.get_why(run_id)!r}\n{self.read_logs()}")
        return self.get_why(run_id)

    def wait_until_created(self, run_id: int) -> str:
        """Return the id of the stage's flow run once Prefect has created it."""
        stage = self.wait_for_stage(run_id, lambda stage: bool(stage["prefect"] and stage["prefect"]["flow_run_id"]))
        return str(stage["prefect"]["flow_run_id"])

    def wait_until_running(self, run_id: int) -> str:
        """Return the id of the stage's flow run once both run."""
        self.wait_for_status(run_id, "running")
        flow_run_id = self.wait_until_created(run_id)
        self.wait_for_state(flow_run_id, "RUNNING")
        return flow_run_id

    def wait_for_state(self, flow_run_id: str, *types: str) -> dict[str, Any]:
        """Return Prefect's record of the flow run once its state has one of these types."""

        def find() -> dict[str, Any] | None:
            found = self.read_flow_run(flow_run_id)
            return found if found["state_type"] in types else None

        found = wait_for(find, STEP_SECONDS, lambda: f"{self.read_flow_run(flow_run_id)['state']}\n{self.worker.read_log()}")
        return dict(found)

    def read_flow_run(self, flow_run_id: str) -> dict[str, Any]:
        return dict(self.prefect.get(f"/flow_runs/{flow_run_id}").raise_for_status().json())

    def list_flow_runs(self, run_id: int) -> list[dict[str, Any]]:
        """Return Prefect's flow runs of a run's stages: their keys name the run, the stage and the attempt."""
        found = self.post("/flow_runs/filter", {"flows": {"name": {"any_": ["act"]}}, "sort": "EXPECTED_START_TIME_ASC", "limit": 200})
        return [each for each in found if f":{run_id}:" in (each["idempotency_key"] or "")]

    def list_open_flow_runs(self) -> list[str]:
        """Return what has not ended in Prefect."""
        found = self.post("/flow_runs/filter", {"flows": {"name": {"any_": ["act"]}}, "limit": 200})
        return [f"{each['name']}: {each['state_name']}" for each in found if each["state_type"] not in ENDED]

    def set_state(self, flow_run_id: str, type: str, name: str | None = None, *, force: bool = False) -> None:
        """Set the flow run's state, as a worker or a person in Prefect does."""
        state = {"type": type, "name": name or type.capitalize()}
        answer = self.post(f"/flow_runs/{flow_run_id}/set_state", {"state": state, "force": force})
        assert answer["status"] == "ACCEPT", answer

    def kill_flow(self, flow_run_id: str) -> None:
        """Kill -9 the process of a running flow run."""
        pid = int(self.wait_for_state(flow_run_id, "RUNNING")["infrastructure_pid"])
        for each in [pid, *list_descendants(pid)]:
            kill(each)
        assert wait_until_gone(pid, 10)

    def wait_until_process_ended(self, flow_run_id: str) -> None:
        pid = int(self.read_flow_run(flow_run_id)["infrastructure_pid"])
        assert wait_until_gone(pid, STEP_SECONDS), self.worker.read_log()

    @contextlib.contextmanager
    def without_prefect(self) -> Iterator[None]:
        """End the server within the block."""
        self.stack.prefect.end()
        try:
            yield
        finally:
            self.stack.prefect.start()
            self.stack.wait_until_ready()

    @contextlib.contextmanager
    def with_frozen_prefect(self) -> Iterator[None]:
        """Stop the server within the block: it accepts connections and answers nothing."""
        pids = [self.stack.prefect.pid, *list_descendants(self.stack.prefect.pid)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in reversed(pids):
                os.kill(pid, signal.SIGCONT)

    def drop_prefects_database(self) -> None:
        """Give Prefect's server an empty database, with pools and deployments of the same names."""
        self.stack.reset_prefect()
        self.stack.wait_until_ready()
        self.prepare_prefect()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Return the answer of Prefect to a POST."""
        return self.prefect.post(path, json=body).raise_for_status().json()

    def read_logs(self) -> str:
        return f"{self.stack.read_logs()}\n--- worker\n{self.worker.read_log()}\n--- prefect\n{self.stack.prefect.read_log()}"

    def _get(self, path: str) -> Any:
        answer = self.http.get(path)
        assert answer.is_success, f"{answer.status_code} {answer.text}\n{self.read_logs()}"
        return answer.json()

    def _build_worker(self, pool: str) -> Process:
        server = self.stack.server
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HEADGATE_", "PREFECT_"))}
        environment = build_client_environment(self.stack.home, server.api_url, server.auth_string, inherited) | {
            "PREFECT_LOGGING_TO_API_ENABLED": "true",
            "PREFECT_LOGGING_LEVEL": "INFO",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_WORKER_HEARTBEAT_SECONDS": "30",
        }
        argv = [sys.executable, "-P", "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
        log = self.stack.folder / f"worker-{pool}.log"
        return Process(f"worker-{pool}", argv, environment, log, self.stack.parent_fd)


@contextlib.contextmanager
def flow_run_lab() -> Iterator[FlowRunLab]:
    """Run one web, Prefect's server and its process worker until the block ends."""
    with chaos_stack(webs=1, workers=0) as stack:
        lab = FlowRunLab(stack)
        try:
            lab.prepare_prefect()
            lab.start_worker()
            yield lab
        finally:
            lab.close()


def end_with_children(process: Process) -> None:
    """Kill -9 a process and all those below it."""
    children = list_descendants(process.pid) if process.is_alive else []
    process.end()
    for pid in children:
        kill(pid)


def list_descendants(pid: int) -> list[int]:
    found = list_children(pid)
    return found + [each for child in found for each in list_descendants(child)]


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended since
        os.kill(pid, signal.SIGKILL)
