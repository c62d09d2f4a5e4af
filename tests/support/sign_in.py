"""Sign in on the page of a running Headgate."""

from __future__ import annotations

import re

import httpx

from tests.support.plain_http import NO_TLS


def sign_in(url: str, name: str, password: str, *, proxy: str | None = None) -> dict[str, str]:
    """Return the header with the session's cookie. `proxy` is the host name that a proxy in front would pass on."""
    form = {"name": name, "password": password, "next": "/"}
    answer = httpx.post(f"{url}/ui/sign-in", data=form, headers={"Host": proxy} if proxy else None, timeout=60, verify=NO_TLS)
    assert (answer.status_code, answer.headers.get("location")) == (303, "/"), answer.text
    cookie = re.match(r"__Host-headgate=[^;]+", answer.headers["set-cookie"])
    assert cookie is not None
    return {"Cookie": cookie[0]}
