"""Refuses workers of another release, whose messages this release does not understand."""

from starlette.requests import Request

from entrypoints.http.problems import Problem, ProblemError
from entrypoints.worker_protocol.messages import PROTOCOL_HEADER, PROTOCOL_VERSION


async def check_protocol(request: Request) -> None:
    """Raise a 426 unless the worker speaks this release's version."""
    version = request.headers.get(PROTOCOL_HEADER, "1")
    if version != str(PROTOCOL_VERSION):
        raise ProblemError(build_version_problem(version))


def build_version_problem(version: str) -> Problem:
    """Return the 426 that says which side to update."""
    older, newer = ("worker", "web") if version == "1" else ("older of the two", "newer")
    return Problem(
        426,
        "protocol_version",
        f"This worker uses version {version[:10]} of the worker protocol, but Headgate uses version {PROTOCOL_VERSION}: "
        f"update the {older} to the release of the {newer} and restart it.",
        headers={"Upgrade": f"headgate-worker/{PROTOCOL_VERSION}"},
    )
