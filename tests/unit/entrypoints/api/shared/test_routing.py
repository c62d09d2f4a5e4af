"""Routes parse JSON bodies strictly, and answer conditional requests."""

import pytest

from tests.support.in_process import InProcessHeadgate


@pytest.fixture
async def prepared(headgate: InProcessHeadgate) -> InProcessHeadgate:
    await headgate.api.create_pipeline(parameters={"type": "object"})
    return headgate


CONTENT_TYPES = [
    None,
    "application/json",
    "application/json; charset=utf-8",
    'Application/JSON ; charset="UTF-8"',
    "text/json",
    "application/vnd.api+json",
    "application/cloudevents+json; charset=utf-8",
    "application/problem+JSON",
    "application/x-www-form-urlencoded",
]
NOT_JSON = {
    b"\xff\xfe{\x00}\x00": "is in UTF-16; it must be in UTF-8",
    b"\xfe\xff\x00{\x00}": "is in UTF-16; it must be in UTF-8",
    '{"parameters": {}}'.encode("utf-16-le"): "is in UTF-16; it must be in UTF-8",
    '{"parameters": {}}'.encode("utf-32-be"): "is in UTF-32; it must be in UTF-8",
    '{"parameters":\n{"name": "é"}}'.encode("latin-1"): "is not in UTF-8: line 2 has the byte 0xe9",
    b'{"parameters": {}} // no': "must be valid JSON: line 1, column 20; JSON has no comments",
    b'/* no */ {"parameters": {}}': "must be valid JSON: line 1, column 1; JSON has no comments",
    b'{\n  # no\n  "parameters": {}}': "must be valid JSON: line 2, column 3; JSON has no comments",
    b"{'parameters': {}}": "must be valid JSON: line 1, column 2",
    b'{"parameters": {"n": ' + b"9" * 5_000 + b"}}": "has a number that is too long",
}


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
async def test_every_allowed_content_type_is_read_as_json(prepared: InProcessHeadgate, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}

    answer = await prepared.client.post("/trigger/flights", content=b'{"parameters": {"month": 6}}', headers=headers)

    assert answer.status_code == 202
    assert (await prepared.client.get("/runs/1")).json()["parameters"] == {"month": 6}


@pytest.mark.parametrize("path", ["/trigger/flights", "/pipelines/", "/status-update/", "/runs/1/cancel"])
@pytest.mark.parametrize("body", NOT_JSON)
async def test_a_body_that_is_not_json_in_utf_8_is_refused_in_one_sentence(prepared: InProcessHeadgate, path: str, body: bytes) -> None:
    answer = await prepared.client.post(path, content=body)

    assert (answer.status_code, answer.json()["errors"]) == (422, [{"field": "body", "message": NOT_JSON[body]}])


@pytest.mark.parametrize(
    "text", ['{"parameters": {"month": 6}}', '\n{"parameters": {"month": 6}}', '{"parameters": {"month": 6, "o": "\\n"}}']
)
async def test_a_byte_order_mark_is_ignored(prepared: InProcessHeadgate, text: str) -> None:
    answer = await prepared.client.post("/trigger/flights", content=b"\xef\xbb\xbf" + text.encode())

    assert answer.status_code == 202
    assert (await prepared.client.get("/runs/1")).json()["parameters"]["month"] == 6


@pytest.mark.parametrize("body", [b"", b" \r\n\t "])
async def test_a_blank_body_counts_as_absent(prepared: InProcessHeadgate, body: bytes) -> None:
    optional = await prepared.client.post("/trigger/flights", content=body)
    required = await prepared.client.post("/pipelines/", content=body)

    assert optional.status_code == 202
    assert (required.status_code, required.json()["errors"]) == (422, [{"field": "body", "message": "is required"}])


@pytest.mark.parametrize("path", ["/trigger/flights", "/runs/1/cancel", "/status-update/", "/accounts/"])
@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"7", b"true"])
async def test_a_body_must_be_an_object(prepared: InProcessHeadgate, path: str, body: bytes) -> None:
    answer = await prepared.client.post(path, content=body)

    assert (answer.status_code, answer.json()["errors"]) == (422, [{"field": "body", "message": "must be a JSON object"}])


async def test_invalid_fields_are_named_by_their_path(prepared: InProcessHeadgate) -> None:
    answer = await prepared.client.post("/runs/1/retry", json={"stages": ["a", 7], "typo": 1})

    assert [error["field"] for error in answer.json()["errors"]] == ["stages[1]", "typo"]


async def test_a_list_and_an_item_have_etags_and_a_probe_has_none(prepared: InProcessHeadgate) -> None:
    for path in ("/pipelines/", "/pipelines/flights", "/pipelines/flights/stages", "/waiting/"):
        etag = (await prepared.client.get(path)).headers["etag"]
        assert (await prepared.client.get(path, headers={"If-None-Match": etag})).status_code == 304, path
    assert "etag" not in (await prepared.client.get("/readyz")).headers
