"""Sends HTTP requests. Each failure is an error of httpx."""

import httpx


class HttpTransport(httpx.AsyncHTTPTransport):
    """A transport that also reports a connection that ends just after it was opened. Raises httpx.HTTPError.

    uvloop has no socket left then, and anyio raises AttributeError when httpcore asks for details of the connection.
    """

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except AttributeError as error:
            raise httpx.ConnectError("The server closed the connection before it received the request.", request=request) from error
