"""Errors as pages in the frame of all others."""

from fastapi import Request, Response

from entrypoints.web.templating import page

_TITLES = {
    400: "That request cannot be read",
    403: "That is not allowed",
    404: "There is no such page",
    405: "That cannot be done here",
    409: "That is not possible now",
    413: "That is too much",
    422: "That cannot be accepted",
    500: "Something went wrong here",
    503: "Headgate cannot answer now",
}


def render_error(request: Request, status: int, sentence: str, request_id: str) -> Response:
    """The page for an error. `sentence` says what to do about it; the store is not needed to draw it."""
    response = page(
        request,
        "error.html",
        status,
        title=_TITLES.get(status, "That did not work"),
        error_status=status,
        sentence=sentence,
        request_id=request_id,
        may_retry=status >= 500 and request.method in ("GET", "HEAD"),
    )
    if status == 503:
        response.headers["Retry-After"] = "2"
    return response


def wants_page(request: Request) -> bool:
    """True for a browser on one of the pages' paths: the API's errors stay problem+json."""
    is_page = request.url.path == "/" or request.url.path.startswith("/ui/")
    return is_page and "text/html" in request.headers.get("accept", "")
