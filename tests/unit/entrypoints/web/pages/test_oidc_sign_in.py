"""Sign-in through an identity provider: a fake OpenID Connect provider over HTTP, and its failures."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from adapters.identity.oidc import OidcProvider
from adapters.system.clock import SystemClock
from domain.access.permissions import Role
from domain.errors import NotSignedIn, Unavailable
from tests.fakes import FakeClock
from tests.support.in_process import InProcessHeadgate

BACK = "http://localhost:8000/ui/sign-in/back"
SECRET = b"a secret of thirty-two bytes or more"


@cache
def load_key(name: str) -> RSAKey:
    """Return the key of that name, which is made once, since that takes a moment. Every key has the same id."""
    return RSAKey.generate_key(2048, parameters={"kid": "one"})


class Provider:
    """A fake provider. `claims` and `headers` change the next token; a code is valid once."""

    def __init__(self) -> None:
        self.key = load_key("first")
        self.signs_with: Any = self.key
        self.algorithm = "RS256"
        self.claims: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.is_down = False
        self.authorizations: dict[str, dict[str, str]] = {}
        self.exchanges: list[dict[str, str]] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.get(self)

            def do_POST(self) -> None:
                provider.post(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def get(self, request: BaseHTTPRequestHandler) -> None:
        path = urlsplit(request.path).path
        if self.is_down:
            _answer(request, 503, {})
        elif path == "/.well-known/openid-configuration":
            found = {name: f"{self.url}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
            _answer(request, 200, {"issuer": self.url, **found, **self.metadata})
        elif path == "/jwks_uri":
            _answer(request, 200, {"keys": [self.key.as_dict(private=False)]})
        else:
            _answer(request, 404, {})

    def authorize(self, address: str) -> tuple[str, str]:
        """Act as the user's browser at the provider: return a code and the state."""
        query = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
        assert (query["response_type"], query["client_id"], query["code_challenge_method"]) == ("code", "headgate", "S256")
        code = f"code-{len(self.authorizations)}"
        self.authorizations[code] = query
        return code, query["state"]

    def post(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"])).decode()
        form = {key: values[0] for key, values in parse_qs(body).items()}
        self.exchanges.append({**form, "authorization": request.headers.get("Authorization", "")})
        authorization = self.authorizations.pop(form.get("code", ""), None)
        verifier = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if authorization is None or authorization["code_challenge"] != verifier or authorization["redirect_uri"] != form["redirect_uri"]:
            _answer(request, 400, {"error": "invalid_grant"})
            return
        now = int(time.time())
        claims = {"iss": self.url, "aud": "headgate", "sub": "s-1", "iat": now, "exp": now + 300, "nonce": authorization["nonce"]}
        claims |= {"email": "Ada@example.com", "email_verified": True, "groups": ["data"], **self.claims}
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": "one"}
        token = jwt.encode(header, claims, self.signs_with, algorithms=[self.algorithm])
        _answer(request, 200, {"access_token": "x", "token_type": "Bearer", "id_token": token})


def _answer(request: BaseHTTPRequestHandler, status: int, content: dict[str, Any]) -> None:
    body = json.dumps(content).encode()
    request.send_response(status)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


@pytest.fixture
def provider() -> Iterator[Provider]:
    found = Provider()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
async def oidc(provider: Provider) -> Any:
    made = OidcProvider(provider.url, "headgate", "their secret", "openid profile email", SECRET, SystemClock())
    yield made
    await made.close()


async def test_the_callback_returns_the_providers_identity(oidc: OidcProvider, provider: Provider) -> None:
    address, remembered = await oidc.begin(BACK)
    code, state = provider.authorize(address)
    identity = await oidc.finish(BACK, remembered, state, code)

    assert (identity.subject, identity.name, list(identity.groups)) == (f"{provider.url}|s-1", "Ada@example.com", ["data"])
    assert provider.exchanges[0]["authorization"].startswith("Basic ")
    assert "their secret" not in address + remembered


@pytest.mark.parametrize("verified", [False, None, "true"])
async def test_an_unverified_email_address_is_not_used_as_a_name(oidc: OidcProvider, provider: Provider, verified: object) -> None:
    provider.claims.update(email="boss@example.com", email_verified=verified)
    address, remembered = await oidc.begin(BACK)
    code, state = provider.authorize(address)

    assert (await oidc.finish(BACK, remembered, state, code)).name == "s-1"


async def test_the_client_secret_is_sent_in_the_body_if_the_provider_requires_it(provider: Provider, oidc: OidcProvider) -> None:
    provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    address, remembered = await oidc.begin(BACK)
    code, state = provider.authorize(address)
    await oidc.finish(BACK, remembered, state, code)

    assert (provider.exchanges[0]["client_secret"], provider.exchanges[0]["authorization"]) == ("their secret", "")


WRONG: dict[str, Callable[[Provider], Any]] = {
    "another audience": lambda provider: provider.claims.update(aud="other"),
    "another issuer": lambda provider: provider.claims.update(iss="https://evil.example"),
    "another party": lambda provider: provider.claims.update(azp="other"),
    "another sign-in's nonce": lambda provider: provider.claims.update(nonce="other"),
    "no nonce": lambda provider: provider.claims.update(nonce=None),
    "a token that is over": lambda provider: provider.claims.update(exp=int(time.time()) - 3_600),
    "a token without an end": lambda provider: provider.claims.update(exp=None),
    "nobody": lambda provider: provider.claims.update(sub=None),
    "another key": lambda provider: setattr(provider, "signs_with", load_key("second")),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_an_id_token_must_be_current_signed_and_for_this_client(oidc: OidcProvider, provider: Provider, wrong: str) -> None:
    WRONG[wrong](provider)
    address, remembered = await oidc.begin(BACK)
    code, state = provider.authorize(address)

    with pytest.raises(NotSignedIn):
        await oidc.finish(BACK, remembered, state, code)


async def test_a_token_signed_by_our_secret_or_unsigned_is_refused(oidc: OidcProvider, provider: Provider) -> None:
    from joserfc.jwk import OctKey

    provider.algorithm, provider.signs_with = "HS256", OctKey.import_key(b"their secret, which is shared with the provider")
    address, remembered = await oidc.begin(BACK)
    code, state = provider.authorize(address)

    with pytest.raises(NotSignedIn, match="signature of the identity provider"):
        await oidc.finish(BACK, remembered, state, code)


async def test_a_code_is_valid_only_with_its_own_state_and_cookie(oidc: OidcProvider, provider: Provider) -> None:
    address, remembered = await oidc.begin(BACK)
    other_address, other = await oidc.begin(BACK)
    code, state = provider.authorize(address)
    _, other_state = provider.authorize(other_address)

    wrong_states = [(remembered, other_state), (remembered, ""), ("", state), (remembered[:-3] + "abc", state), (other, state)]
    for cookie_state, returned_state in wrong_states:
        with pytest.raises(NotSignedIn):
            await oidc.finish(BACK, cookie_state, returned_state, code)
    with pytest.raises(NotSignedIn):
        await oidc.finish(BACK, other, other_state, code)  # the code of another sign-in
    assert len(provider.exchanges) == 1


async def test_a_callback_after_ten_minutes_is_refused(provider: Provider) -> None:
    clock = FakeClock(datetime.now(UTC))
    slow = OidcProvider(provider.url, "headgate", "their secret", "openid", SECRET, clock)
    address, remembered = await slow.begin(BACK)
    code, state = provider.authorize(address)
    clock.advance(700)

    with pytest.raises(NotSignedIn):
        await slow.finish(BACK, remembered, state, code)
    await slow.close()


async def test_a_new_signing_key_is_fetched_at_its_first_use(oidc: OidcProvider, provider: Provider) -> None:
    for _ in range(2):
        address, remembered = await oidc.begin(BACK)
        code, state = provider.authorize(address)
        assert (await oidc.finish(BACK, remembered, state, code)).name
        provider.key = provider.signs_with = load_key("second")


@pytest.mark.parametrize("broken", ["down", "another name", "no endpoint"])
async def test_an_invalid_response_of_the_provider_is_a_clear_error(oidc: OidcProvider, provider: Provider, broken: str) -> None:
    provider.is_down = broken == "down"
    provider.metadata = {"another name": {"issuer": "https://evil.example"}, "no endpoint": {"jwks_uri": ""}}.get(broken, {})

    with pytest.raises(Unavailable, match="identity provider"):
        await oidc.begin(BACK)


async def test_a_user_signs_in_through_the_provider(oidc: OidcProvider, provider: Provider) -> None:
    headgate = InProcessHeadgate(auth="team", oidc_roles={"data": Role.OPERATOR})
    headgate.application.adapters.identity_provider.override(oidc)
    async with headgate.client as client:
        form = await client.get("/ui/sign-in?next=/ui/runs", headers={"Accept": "text/html"})
        assert "/ui/sign-in/provider?next=/ui/runs" in form.text
        away = await client.get("/ui/sign-in/provider?next=/ui/runs")
        code, state = provider.authorize(away.headers["location"])
        kept = _cookie(away, "__Host-headgate-away")
        back = await client.get(f"/ui/sign-in/back?code={code}&state={state}", headers={"Cookie": f"__Host-headgate-away={kept}"})

        assert (back.status_code, back.headers["location"]) == (303, "/ui/runs")
        session = _cookie(back, "__Host-headgate")
        runs = await client.get("/ui/runs", headers={"Accept": "text/html", "Cookie": f"__Host-headgate={session}"})
        again = await client.get(f"/ui/sign-in/back?code={code}&state={state}", headers={"Cookie": f"__Host-headgate-away={kept}"})

    assert runs.status_code == 200 and "ada@example.com" in runs.text
    assert again.status_code == 401 and "Try again" in again.text


async def test_a_user_signs_in_through_the_provider_below_a_base_path(oidc: OidcProvider, provider: Provider) -> None:
    headgate = InProcessHeadgate(auth="team", url="http://localhost:8000/ops/headgate", oidc_roles={"data": Role.OPERATOR})
    headgate.application.adapters.identity_provider.override(oidc)
    async with headgate.client as client:
        away = await client.get("/ops/headgate/ui/sign-in/provider?next=/ui/runs")
        returned = parse_qs(urlsplit(away.headers["location"]).query)["redirect_uri"]
        code, state = provider.authorize(away.headers["location"])
        kept = _cookie(away, "__Secure-headgate-away")
        # A Headgate at the path /ops has cookies of the same name, which browsers send last.
        header = {"Cookie": f"__Secure-headgate-away={kept}; __Secure-headgate-away=other~%2F"}
        back = await client.get(f"/ops/headgate/ui/sign-in/back?code={code}&state={state}", headers=header)
        session = _cookie(back, "__Secure-headgate")
        header = {"Accept": "text/html", "Cookie": f"theme=dark; __Secure-headgate={session}; __Secure-headgate=other"}
        runs = await client.get("/ui/runs", headers=header)

    assert returned == ["http://localhost:8000/ops/headgate/ui/sign-in/back"]
    assert (back.status_code, back.headers["location"]) == (303, "/ops/headgate/ui/runs")
    assert "Path=/ops/headgate;" in away.headers["set-cookie"] and "Path=/ops/headgate;" in back.headers["set-cookie"]
    assert runs.status_code == 200 and "ada@example.com" in runs.text


@pytest.mark.parametrize(
    "there",
    ["/..", "/../ui", "/ui/../../other", "/./x", "/ui/%2e%2E/%2e%2e/other", "/ui/.%2e/x", "//evil.example", "https://evil.example", "\\x"],
)
async def test_a_sign_in_below_a_base_path_does_not_leave_it(there: str) -> None:
    async with InProcessHeadgate(auth="team", url="http://localhost:8000/headgate") as headgate:
        form = await headgate.client.get("/ui/sign-in", params={"next": there}, headers={"Accept": "text/html"})

    assert '<input type="hidden" name="next" value="/">' in form.text


@pytest.mark.parametrize(
    "there", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/ui/sign-in", "/\n//x", ""]
)
async def test_a_sign_in_redirects_only_to_own_pages(oidc: OidcProvider, provider: Provider, there: str) -> None:
    headgate = InProcessHeadgate(auth="team")
    headgate.application.adapters.identity_provider.override(oidc)
    async with headgate.client as client:
        away = await client.get("/ui/sign-in/provider", params={"next": there})
        code, state = provider.authorize(away.headers["location"])
        kept = _cookie(away, "__Host-headgate-away")
        back = await client.get(f"/ui/sign-in/back?code={code}&state={state}", headers={"Cookie": f"__Host-headgate-away={kept}"})

    assert back.headers["location"] == "/"


async def test_an_interrupted_sign_in_is_explained(oidc: OidcProvider) -> None:
    headgate = InProcessHeadgate(auth="team")
    headgate.application.adapters.identity_provider.override(oidc)
    async with headgate.client as client:
        answer = await client.get("/ui/sign-in/back?error=access_denied&state=x")

    assert answer.status_code == 401 and "was interrupted" in answer.text


def _cookie(answer: httpx.Response, name: str) -> str:
    (found,) = [line for line in answer.headers.get_list("set-cookie") if line.startswith(f"{name}=") and "Max-Age=0" not in line]
    assert all(word in found for word in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"))
    return found.partition("=")[2].partition(";")[0]
