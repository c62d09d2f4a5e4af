"""schemathesis with every check on the OpenAPI document, against a web on a real socket over a real PostgreSQL.

`python -m tests.fuzz.run --seconds 600` makes its own; further arguments are schemathesis's, such as `-H 'Authorization: Bearer hg_…'`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.house import ROOT, a_web, furnish
from tests.integration.postgres import a_server

CONFIG = Path(__file__).with_name("schemathesis.toml")


def schemathesis(url: str, *arguments: str, headers: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Every check and phase. `headers` (`Name: value`) go with every request; the Host is that of `url`, which the web answers to."""
    given = [part for header in headers for part in ("-H", header)]
    with tempfile.TemporaryDirectory(prefix="headgate-fuzz-") as folder:  # it keeps examples where it is started
        return subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", f"{url}/openapi.json", *given, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the API from its OpenAPI document.")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--header", action="append", default=[], help="`Name: value`, with every request")
    parser.add_argument("--log", action="store_true", help="print what the web logged")
    mine, rest = parser.parse_known_args()
    with a_server() as server, a_web(server) as (url, log):
        furnish(url)
        done = schemathesis(url, f"--max-time={mine.seconds}", *rest, headers=mine.header)
        print(done.stdout)
        if mine.log:
            print(log.read_text()[-20_000:])
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
