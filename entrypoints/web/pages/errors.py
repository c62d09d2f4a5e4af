"""Error pages."""

from fastapi import Request, Response

from entrypoints.http.base_path import get_route_path
from entrypoints.http.problems import REQUEST_ID_KEY, ROUTE_NOT_FOUND, Problem
from entrypoints.web.templating import render_page

DEFAULT_TITLE = "Something went wrong"
_TITLES = {
    400: "Bad request",
    403: "Not allowed",
    404: "Page not found",
    405: "Not supported here",
    409: "Not possible now",
    412: "Changed in the meantime",
    413: "Too much data",
    421: "Unknown host name",
    422: "Invalid input",
    429: "Too many requests",
    500: "Internal error",
    503: "Headgate is unavailable",
    507: "The disk is almost full",
}
_ADVICE = {
    403: "Go back and use the form on the page, or ask an admin for more permissions.",
    404: "It may have been removed, or the URL has a typo. See all pipelines or runs.",
    405: "Go back and use the links and buttons on the page.",
    409: "Reload the page: the state has changed.",
    412: "Reload the page, then repeat your change.",
    413: "Send less data in one request.",
    422: "Go back, correct the fields named above, and send the form again.",
    429: "Wait a moment, then try again.",
    500: "Try again. If the error persists, look for the request ID below in the log of the web server.",
    503: "Nothing is lost. Try again in a few seconds. The system page shows what is missing.",
    507: "Free disk space, or keep logs for fewer days. Active runs continue, and reports are still accepted.",
}


def error_page(request: Request, problem: Problem) -> Response | None:
    """Return a problem as a page if it happened on a page's path or at an unknown path; None for the API, which returns problem+json."""
    path = get_route_path(request.scope)
    if path != "/" and not path.startswith("/ui/") and problem is not ROUTE_NOT_FOUND:
        return None
    return render_error(request, problem.status, problem.detail, str(request.scope.get(REQUEST_ID_KEY, "")))


def render_error(request: Request, status: int, detail: str, request_id: str) -> Response:
    """Return an error page. It needs no database."""
    return render_page(
        request,
        "error.html",
        status,
        title=_TITLES.get(status, DEFAULT_TITLE),
        error_status=status,
        detail=detail,
        advice=_ADVICE.get(status, ""),
        request_id=request_id,
        can_retry=status >= 500 and request.method in ("GET", "HEAD"),
    )
