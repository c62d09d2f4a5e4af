"""What the OpenAPI document says is so, for whatever is sent and whoever sends it: a part of what `make fuzz` does at length."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx
import pytest

from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.fuzz.run import TEAM, schemathesis
from tests.support.web_process import WebProcess, a_web, furnish


@pytest.fixture(scope="module")
def web(postgres: EmbeddedPostgres) -> Iterator[tuple[WebProcess, str]]:
    """With people who sign in, and an admin's header."""
    with a_web(postgres, **TEAM) as web:
        admin = web.admins_header()
        furnish(web.url, admin)
        yield web, admin


@pytest.mark.parametrize(("who", "more", "cases"), [("admin", [], 1_000), ("anonymous", ["--phases=examples,fuzzing"], 60)])
def test_no_check_fails_for_whatever_the_document_allows_or_forbids(
    web: tuple[WebProcess, str], who: str, more: list[str], cases: int
) -> None:
    house, admin = web
    headers = dict([admin.split(": ", 1)])
    operations = sum(len(methods) for methods in httpx.get(f"{house.url}/openapi.json", headers=headers).json()["paths"].values())

    done = schemathesis(
        house.url, "--max-examples=2", "--workers=2", "--seed=7", *more, key=admin, headers=[admin] if who == "admin" else []
    )

    assert done.returncode == 0, done.stdout[-8_000:]
    assert f"Tested: {operations}" in done.stdout
    assert int(re.search(r"(\d+) generated", done.stdout)[1]) > cases
    logged = [json.loads(line) for line in house.log.read_text().splitlines() if line.startswith("{")]
    assert [line for line in logged if line["level"] in ("error", "critical")] == []
