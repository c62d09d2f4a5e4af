"""The program of the Prefect server imports the server and runs the `prefect` command."""

import json
import os
import subprocess
from pathlib import Path

from adapters.orchestration.prefect_server import PrefectServer

COMMAND = """
import gc, json, sys
found = {"arguments": sys.argv[1:], "collects": gc.isenabled(), "frozen": gc.get_freeze_count() > 0}
print(json.dumps(found | {"imported": "prefect.server.api.server" in sys.modules}))
"""


def write_prefect(folder: Path) -> None:
    """Write a package that stands in for Prefect, whose import takes seconds."""
    for name in ("prefect", "prefect/server", "prefect/server/api"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").touch()
    (folder / "prefect/server/api/server.py").touch()
    (folder / "prefect/__main__.py").write_text(COMMAND)


def test_the_server_is_imported_before_the_command_runs(tmp_path: Path) -> None:
    write_prefect(tmp_path)
    argv = PrefectServer(tmp_path, 4200, "postgresql+asyncpg://x/prefect", "a:b").argv()

    printed = subprocess.check_output(argv, env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}, cwd=tmp_path, text=True)

    assert json.loads(printed) == {
        "arguments": ["server", "start", "--host", "127.0.0.1", "--port", "4200", "--log-level", "WARNING"],
        "collects": True,
        "frozen": True,
        "imported": True,
    }
