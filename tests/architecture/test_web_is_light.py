"""The web process speaks to Prefect by REST; importing Prefect would cost it 2 s and 100 MB."""

import subprocess
import sys

HEAVY = {"prefect", "ddtrace", "duckdb"}


def test_the_web_process_never_imports_prefect() -> None:
    script = "import sys, entrypoints.http.server; print(sorted({name.split('.')[0] for name in sys.modules}))"

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 0, ended.stderr
    loaded = set(ended.stdout.strip("[]\n").replace("'", "").split(", "))
    assert "fastapi" in loaded
    assert loaded.isdisjoint(HEAVY)
