"""Run schemathesis with all checks on the OpenAPI document, against a real web process and PostgreSQL.

`python -m tests.fuzz.run --seconds 600` starts its own. Requests carry an admin's token unless `--anonymous` or
`--header 'Authorization: Bearer hg_…'` is given. Other arguments are passed to schemathesis.
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

from tests.support.plain_http import NO_TLS
from tests.support.postgres import a_server
from tests.support.web_process import ROOT, a_web, furnish

TEAM = {"HEADGATE_AUTH": "team", "HEADGATE_RATE_LIMIT": "none"}
PROGRAM = (sys.executable, "-m", "schemathesis.cli", "--config-file", str(Path(__file__).with_name("schemathesis.toml")))


def run_schemathesis(url: str, *arguments: str, key: str, headers: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run schemathesis on the document of the web at `url`.

    `key` is a header (`Name: value`) that may read the document. `headers` are sent with every request.
    """
    document = httpx.get(f"{url}/openapi.json", headers=dict([key.split(": ", 1)]), timeout=20, verify=NO_TLS).raise_for_status().content
    header_options = [part for header in headers for part in ("-H", header)]
    with tempfile.TemporaryDirectory(prefix="headgate-fuzz-") as folder:  # it stores examples in its working directory
        (Path(folder) / "openapi.json").write_bytes(document)
        return subprocess.run(
            [*PROGRAM, "run", "openapi.json", f"--url={url}", *header_options, *arguments],
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
    parser.add_argument("--header", action="append", default=[], help="`Name: value` for every request, instead of an admin's token")
    parser.add_argument("--anonymous", action="store_true", help="send no token")
    parser.add_argument("--log", action="store_true", help="print the log of the web process")
    options, other = parser.parse_known_args()
    with a_server() as server, a_web(server, **TEAM) as web:
        admin = web.admins_header()
        furnish(web.url, admin)
        headers = options.header or ([] if options.anonymous else [admin])
        result = run_schemathesis(web.url, f"--max-time={options.seconds}", *other, headers=headers, key=admin)
        print(result.stdout)
        if options.log:
            print(web.log.read_text()[-20_000:])
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
