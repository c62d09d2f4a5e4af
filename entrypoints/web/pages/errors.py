"""Errors as pages in the frame of all others."""

from fastapi import Request, Response

from entrypoints.http.problems import REQUEST_ID_KEY, ROUTE_NOT_FOUND, Problem
from entrypoints.web.templating import render_page

_TITLES = {
    400: "That request cannot be read",
    403: "That is not allowed",
    404: "There is no such page",
    405: "That cannot be done here",
    409: "That is not possible now",
    412: "It was changed meanwhile",
    413: "That is too much",
    421: "That name is not ours",
    422: "That cannot be accepted",
    429: "That was too often",
    500: "Something went wrong here",
    503: "Headgate cannot answer now",
    507: "The disk is almost full",
}
_TO_DO = {
    403: "Go back and use the page's own form, or ask somebody who may.",
    404: "It may have been removed, or the address may have a typo. The pipelines and the runs there are stand behind the links below.",
    405: "Go back to the page you came from and use its links and buttons.",
    409: "Look at it again: somebody or something was quicker.",
    412: "Look at it again, then repeat your change.",
    413: "Send less at once.",
    422: "Go back, mend what is named above, and send it again.",
    429: "Wait a moment, then try again.",
    500: "Try again. If it stays so, the log of the web has the reason under the request's number below.",
    503: "Nothing is lost. Try again in a few seconds; the system page says what is missing.",
    507: "Make room on the disk, or keep logs for fewer days. What runs goes on, and reports are still taken.",
}


def render_error(request: Request, status: int, sentence: str, request_id: str) -> Response:
    """The page for an error. `sentence` says what to do about it; the store is not needed to draw it."""
    return render_page(
        request,
        "error.html",
        status,
        title=_TITLES.get(status, "That did not work"),
        error_status=status,
        sentence=sentence,
        to_do=_TO_DO.get(status, ""),
        request_id=request_id,
        may_retry=status >= 500 and request.method in ("GET", "HEAD"),
    )


def error_page(request: Request, problem: Problem) -> Response | None:
    """A problem as a page when it happened on a page's path, or where there is nothing; the API's own stay problem+json."""
    path = request.url.path
    if path != "/" and not path.startswith("/ui/") and problem is not ROUTE_NOT_FOUND:
        return None
    return render_error(request, problem.status, problem.detail, str(request.scope.get(REQUEST_ID_KEY, "")))
