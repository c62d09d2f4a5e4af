"""schemathesis with every check on the OpenAPI document, against a web on a real socket over a real PostgreSQL.

`python -m tests.fuzz.run --seconds 600` makes its own; asked by an admin's token unless `--anonymous` or
`--header 'Authorization: Bearer hg_…'` says otherwise. Further arguments are schemathesis's.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import httpx

from tests.support.postgres import a_server
from tests.support.web_process import ROOT, a_web, furnish

TEAM = {"HEADGATE_AUTH": "team", "HEADGATE_RATE_LIMIT": "none"}
PROGRAM = (sys.executable, "-m", "schemathesis.cli", "--config-file", str(Path(__file__).with_name("schemathesis.toml")))


def schemathesis(url: str, *arguments: str, key: str, headers: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Every check and phase on the document that `key`, a header, opens. `headers` (`Name: value`) go with every request; the Host is that
    of `url`, which the web answers to."""
    document = httpx.get(f"{url}/openapi.json", headers=dict([key.split(": ", 1)]), timeout=20).raise_for_status().content
    given = [part for header in headers for part in ("-H", header)]
    with tempfile.TemporaryDirectory(prefix="headgate-fuzz-") as folder:  # it keeps examples where it is started
        (Path(folder) / "openapi.json").write_bytes(document)
        return subprocess.run(
            [*PROGRAM, "run", "openapi.json", f"--url={url}", *given, *arguments],
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
    parser.add_argument("--header", action="append", default=[], help="`Name: value`, with every request, instead of an admin's token")
    parser.add_argument("--anonymous", action="store_true", help="without any token")
    parser.add_argument("--log", action="store_true", help="print what the web logged")
    mine, rest = parser.parse_known_args()
    with a_server() as server, a_web(server, **TEAM) as web:
        admin = web.admins_header()
        furnish(web.url, admin)
        headers = mine.header or ([] if mine.anonymous else [admin])
        done = schemathesis(web.url, f"--max-time={mine.seconds}", *rest, headers=headers, key=admin)
        print(done.stdout)
        if mine.log:
            print(web.log.read_text()[-20_000:])
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
