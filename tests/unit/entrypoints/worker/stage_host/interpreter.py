"""An interpreter in a virtual environment of its own, whose worker runs functions and which imports the same names directly."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import textwrap
import venv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT

IMPORTS_SITECUSTOMIZE = not Path(sysconfig.get_path("stdlib"), "sitecustomize.py").exists()
"""False if Python has a sitecustomize of its own, as Debian's has: it hides that of a virtual environment."""
# What a worker does to run a function, in an interpreter of its own.
WORKER = """
import asyncio, json, sys
from entrypoints.worker.stage_host.client import StageHost
from entrypoints.worker.stage_host.job import JobSpec

async def main(folder, env, target, parameters):
    host = await StageHost.start()
    job = await host.run(JobSpec("python", folder, env, callable=target, parameters=parameters))
    lines = [(line.stream, line.text) async for line in job.lines]
    end = await job.wait()
    await host.close()
    print(json.dumps({"result": end.result, "error": end.error, "lines": lines}))

asyncio.run(main(*json.loads(sys.argv[1])))
"""


@dataclass
class Interpreter:
    """A virtual environment, a working directory, and the worker that runs in them."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.work, self.elsewhere = self.home / "work", self.home / "elsewhere"
        for folder in (self.work, self.elsewhere):
            folder.mkdir()
        self.create()

    def create(self, **options: Any) -> None:
        venv.EnvBuilder(symlinks=True, with_pip=False, **options).create(self.home / "venv")

    @property
    def python(self) -> str:
        return str(self.home / "venv" / "bin" / "python")

    @property
    def site(self) -> Path:
        (folder,) = (self.home / "venv" / "lib").glob("python*/site-packages")
        return folder

    def write(self, file: Path, text: str = "") -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))

    def call(self, target: str, folder: Path | None = None, env: dict[str, str] | None = None, **parameters: Any) -> dict[str, Any]:
        """Return the result, the error and the lines of a stage that calls this function."""
        request = json.dumps([str(folder or self.work), {"PATH": os.environ["PATH"]} | (env or {}), target, parameters])
        surroundings = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | self.variables
        argv = [self.python, "-P", "-c", WORKER, request]
        ended = subprocess.run(argv, env=surroundings, cwd=self.home, capture_output=True, text=True, timeout=60, check=True)
        return dict(json.loads(ended.stdout))

    def import_directly(self, name: str) -> str:
        """Return what the interpreter itself gets for an import in the working directory: an attribute, or the error."""
        code = f"import importlib\ntry: print(getattr(importlib.import_module({name!r}), 'WHOSE', ''))\nexcept ImportError as e: print(e)"
        argv = [self.python, "-c", code]
        return subprocess.run(
            argv, env=self.variables, cwd=self.work, capture_output=True, text=True, timeout=60, check=True
        ).stdout.strip()

    def import_in_stage(self, name: str, **keys: Any) -> str:
        """Return the same for an import in a stage."""
        self.write(
            self.elsewhere / "probe" / "probe_of_tests.py",
            """
            import importlib
            def run(name):
                try:
                    return {"found": getattr(importlib.import_module(name), "WHOSE", "")}
                except ImportError as error:
                    return {"found": str(error)}
            """,
        )
        self.write(self.site / "zzz_probe.pth", f"{self.elsewhere / 'probe'}\n")
        done = self.call("probe_of_tests:run", name=name, **keys)
        assert done["error"] is None, done
        return str(done["result"]["found"])
