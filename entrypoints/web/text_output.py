"""Pages as plain text, for terminals."""

from fastapi import Request, Response

from entrypoints.web.templating import HEADERS


def wants_text(request: Request) -> bool:
    """Return whether the client accepts plain text and not HTML, such as `curl -H 'Accept: text/plain'`."""
    accepted = request.headers.get("accept", "")
    return "text/plain" in accepted and "text/html" not in accepted


def text_response(text: str) -> Response:
    """Return a plain-text response with the headers of a page."""
    headers = {**HEADERS, "Vary": "Accept"}
    return Response(text.rstrip() + "\n", media_type="text/plain; charset=utf-8", headers=headers)
