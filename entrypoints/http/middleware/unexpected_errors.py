"""Answer an unexpected exception with a 500 that shows only the request id, and log it."""

import asyncio
import logging

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrypoints.http.base_path import get_route_path
from entrypoints.http.problems import INTERNAL, REQUEST_ID_KEY, STOPPING, problem_response

log = logging.getLogger("headgate.api")


class UnexpectedErrors:
    """500 for an exception, 503 for a request that a stopping server cancels. A response that has begun is cut off instead."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_started = False

        async def send_and_note(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            # The server cancels requests only when its time to stop is up. The work may have been done, but it was not acknowledged.
            if has_started:
                raise
            await problem_response(scope, STOPPING)(scope, receive, send)
        except Exception:
            log.exception("%s %s failed (request %s)", scope["method"], get_route_path(scope), scope[REQUEST_ID_KEY])
            if has_started:
                raise
            await problem_response(scope, INTERNAL)(scope, receive, send)
