"""Give each request an id, in its response and in the log."""

import random
import re
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

from entrypoints.http.problems import REQUEST_ID_KEY

_VALID_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestId:
    """Take the client's `X-Request-ID` if it is valid, else make one.

    Outermost: it passes a copy of the scope on, because the server reads its own scope again after the response.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = dict(scope)
        scope[REQUEST_ID_KEY] = request_id = _get_request_id(scope)
        header = (b"x-request-id", request_id.encode())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], header]
            await send(message)

        tokens = bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            reset_contextvars(**tokens)


def _get_request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id")
    return given if given is not None and _VALID_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
