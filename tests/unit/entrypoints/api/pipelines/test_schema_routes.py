"""The JSON Schema of definitions, as editors load it."""

from __future__ import annotations

import pytest

from entrypoints.definitions.schema.document import build_schema_document
from tests.support.in_process import InProcessHeadgate

PATH = "/schemas/pipeline.json"


async def test_everyone_can_load_the_schema() -> None:
    team = InProcessHeadgate(auth="team")

    answer = await team.client.get(PATH, headers={"Origin": "https://editor.example"})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/schema+json"
    assert answer.headers["cache-control"].startswith("public")
    assert answer.json() == build_schema_document("http://localhost:8000")


@pytest.mark.parametrize(("url", "prefix"), [("https://ops.example/headgate", "/headgate"), ("https://ops.example", "")])
async def test_the_schema_names_the_url_at_which_it_is_served(url: str, prefix: str) -> None:
    headgate = InProcessHeadgate(url=url, allowed_hosts=["127.0.0.1:8000", "headgate"])

    answer = await headgate.client.get(f"{prefix}{PATH}")

    assert answer.json()["$id"] == f"{url}{PATH}"


async def test_an_unchanged_schema_is_not_sent_again() -> None:
    client = InProcessHeadgate().client
    first = await client.get(PATH)

    again = await client.get(PATH, headers={"If-None-Match": first.headers["etag"]})
    other = await client.get(PATH, headers={"If-None-Match": 'W/"other"'})

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert other.status_code == 200
