"""What the OpenAPI document says is so, for whatever is sent: a part of what `make fuzz` does at length."""

from __future__ import annotations

import json
import re

import httpx

from adapters.persistence.embedded import EmbeddedPostgres
from tests.fuzz.house import a_web, furnish
from tests.fuzz.run import schemathesis


def test_no_check_fails_for_whatever_the_document_allows_or_forbids(postgres: EmbeddedPostgres) -> None:
    with a_web(postgres) as (url, log):
        furnish(url)
        operations = sum(len(methods) for methods in httpx.get(f"{url}/openapi.json").json()["paths"].values())

        done = schemathesis(url, "--max-examples=2", "--workers=2", "--seed=7")

        logged = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]

    assert done.returncode == 0, done.stdout[-8_000:]
    assert f"Tested: {operations}" in done.stdout
    assert int(re.search(r"(\d+) generated", done.stdout)[1]) > 1_000  # type: ignore[index]
    assert [line for line in logged if line["level"] in ("error", "critical")] == []
