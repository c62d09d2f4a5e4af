"""The API behaves as its OpenAPI document says, for valid and invalid requests. `make fuzz` tries many more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx
import pytest

from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.fuzz.run import TEAM, run_schemathesis
from tests.support.web_process import WebProcess, a_web, furnish


@pytest.fixture(scope="module")
def web(postgres: EmbeddedPostgres) -> Iterator[tuple[WebProcess, str]]:
    """A web process with sign-in, and an admin's header."""
    with a_web(postgres, **TEAM) as web:
        admin = web.admins_header()
        furnish(web.url, admin)
        yield web, admin


@pytest.mark.parametrize(("caller", "options", "cases"), [("admin", [], 1_000), ("anonymous", ["--phases=examples,fuzzing"], 60)])
def test_no_check_fails_for_valid_or_invalid_requests(web: tuple[WebProcess, str], caller: str, options: list[str], cases: int) -> None:
    process, admin = web
    headers = dict([admin.split(": ", 1)])
    operations = sum(len(methods) for methods in httpx.get(f"{process.url}/openapi.json", headers=headers).json()["paths"].values())

    # More workers take more processor time in all, and Python 3.11 counts the depth of its parser for all threads at once.
    arguments = ("--max-examples=2", "--workers=1", "--seed=7", *options)
    result = run_schemathesis(process.url, *arguments, key=admin, headers=[admin] if caller == "admin" else [])

    assert result.returncode == 0, result.stdout[-8_000:]
    assert f"Tested: {operations}" in result.stdout
    assert int(re.search(r"(\d+) generated", result.stdout)[1]) > cases
    logged = [json.loads(line) for line in process.log.read_text().splitlines() if line.startswith("{")]
    assert [line for line in logged if line["level"] in ("error", "critical")] == []
