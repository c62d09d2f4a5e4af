"""Every response has a request id and security headers."""

import httpx

from tests.support.in_process import InProcessHeadgate


async def test_every_response_has_a_request_id_and_security_headers(headgate: InProcessHeadgate) -> None:
    kept = await headgate.client.get("/livez", headers={"X-Request-Id": "abc-1"})
    replaced = await headgate.client.get("/nope", headers={"X-Request-Id": "not good\t"})

    assert kept.headers["x-request-id"] == "abc-1"
    assert replaced.json()["request_id"] == replaced.headers["x-request-id"] != "not good"
    assert "script-src 'self'" in replaced.headers["content-security-policy"]
    assert replaced.headers["x-content-type-options"] == "nosniff"
    assert "'unsafe-inline'" not in kept.headers["content-security-policy"]


async def test_no_response_allows_other_origins(headgate: InProcessHeadgate) -> None:
    answer: httpx.Response = await headgate.client.options("/pipelines/", headers={"Origin": "http://evil.example"})

    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_hsts_is_sent_if_the_public_url_is_https() -> None:
    plain = await InProcessHeadgate().client.get("/livez")
    secure = await InProcessHeadgate(url="https://gate.example").client.get("/livez")
    refused = await InProcessHeadgate(url="https://gate.example").client.get("/nothing-here")

    assert "strict-transport-security" not in plain.headers
    assert secure.headers["strict-transport-security"] == refused.headers["strict-transport-security"] == "max-age=31536000"
