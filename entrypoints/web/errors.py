"""Errors as pages in the frame of all others."""

from fastapi import Request, Response

from entrypoints.api.paths import NOTHING_HERE
from entrypoints.api.problems import REQUEST_ID, Problem
from entrypoints.web.templating import page

_TITLES = {
    400: "That request cannot be read",
    403: "That is not allowed",
    404: "There is no such page",
    405: "That cannot be done here",
    409: "That is not possible now",
    413: "That is too much",
    421: "That name is not ours",
    422: "That cannot be accepted",
    500: "Something went wrong here",
    503: "Headgate cannot answer now",
}


def render_error(request: Request, status: int, sentence: str, request_id: str) -> Response:
    """The page for an error. `sentence` says what to do about it; the store is not needed to draw it."""
    return page(
        request,
        "error.html",
        status,
        title=_TITLES.get(status, "That did not work"),
        error_status=status,
        sentence=sentence,
        request_id=request_id,
        may_retry=status >= 500 and request.method in ("GET", "HEAD"),
    )


def error_page(request: Request, problem: Problem) -> Response | None:
    """A problem as a page when it happened on a page's path, or where there is nothing; the API's own stay problem+json."""
    path = request.url.path
    if path != "/" and not path.startswith("/ui/") and problem is not NOTHING_HERE:
        return None
    return render_error(request, problem.status, problem.detail, str(request.scope.get(REQUEST_ID, "")))
