"""What every route asks of its caller: the one table. A route that is not in it is refused, and fails the tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.access import Permission

READ, TRIGGER, OPERATE = Permission.READ, Permission.TRIGGER, Permission.OPERATE
REPORT, DEFINE, ADMIN = Permission.REPORT, Permission.DEFINE, Permission.ADMIN


COOKIE: Final = "__Host-headgate"
"""The session's cookie: sent over TLS or loopback alone, to this host alone, and shown to no script."""


class Door(StrEnum):
    """Routes that ask for no permission."""

    PUBLIC = "public"
    WORKER = "worker"
    """For the token of worker processes alone."""
    SIGNED_IN = "signed in"
    """For whoever has a session, whatever their role: their own account."""


class About(StrEnum):
    """What a route is about, for tokens that are bound to one pipeline."""

    PIPELINE = "pipeline"
    """The one that the address names."""
    RUN = "run"
    """The one that the address names."""
    REPORT = "report"
    """What the body names; judged with the report."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`about` None: it concerns more than one pipeline, so a token bound to one is refused."""

    needs: Permission | Door
    about: About | None = None


def _all(rule: Rule, *routes: str) -> dict[tuple[str, str], Rule]:
    return {(method, path): rule for method, _, path in (route.partition(" ") for route in routes)}


TABLE: Final[Mapping[tuple[str, str], Rule]] = {
    **_all(
        Rule(Door.PUBLIC),
        "GET /livez",
        "GET /readyz",
        "GET /static/{digest}/{name}",
        "GET /favicon.ico",
        "GET /ui/sign-in",
        "POST /ui/sign-in",
        "GET /ui/sign-in/provider",
        "GET /ui/sign-in/back",
    ),
    **_all(
        Rule(Door.WORKER),
        "GET /worker/stream",
        "POST /worker/heartbeat",
        "POST /worker/bursts/{run_id}/{epoch}/claim",
        "POST /worker/bursts/{run_id}/{epoch}/advance",
        "POST /worker/bursts/{run_id}/{epoch}/recorded",
        "POST /worker/logs",
        "POST /worker/cancelled-in-prefect",
        "POST /worker/leave",
    ),
    **_all(
        Rule(Door.SIGNED_IN),
        "GET /ui/account",
        "POST /ui/account",
        "POST /ui/sign-out",
    ),
    **_all(
        Rule(READ),
        "GET /pipelines/",
        "GET /runs/",
        "GET /waiting/",
        "GET /events/",
        "GET /openapi.json",
        "GET /docs/openapi-3.0.json",
        "GET /docs",
        "GET /docs/start.js",
        "GET /docs/swagger-ui.css",
        "GET /docs/swagger-ui-bundle.js",
        "GET /",
        "GET /ui/runs",
        "GET /ui/runs/{before_id}/compare/{after_id}",
        "GET /runs/{id}/compare/{other}",
        "GET /ui/waiting",
        "GET /ui/system",
        "GET /ui/live/board",
        "GET /ui/live/waiting",
        "GET /ui/live/system",
        "GET /ui/live/runs",
        "GET /ui/live/frame",
    ),
    **_all(
        Rule(READ, About.PIPELINE),
        "GET /pipelines/{pipeline_id}",
        "GET /pipelines/{pipeline_id}/stages",
        "GET /pipelines/{pipeline_id}/runs",
        "GET /pipelines/{pipeline_id}/failures",
        "GET /pipelines/{pipeline_id}/history",
        "GET /ui/pipelines/{ref}",
        "GET /ui/pipelines/{ref}/revisions/{number}",
        "GET /ui/live/pipelines/{pipeline_id}",
    ),
    **_all(
        Rule(READ, About.RUN),
        "GET /runs/{id}",
        "GET /runs/{id}/stages",
        "GET /runs/{id}/events",
        "GET /runs/{id}/logs",
        "GET /ui/runs/{run_id}",
        "GET /ui/runs/{run_id}/lines",
        "GET /ui/runs/{run_id}/log.txt",
        "GET /ui/runs/{run_id}/events",
        "GET /ui/runs/{run_id}/compare",
        "GET /ui/runs/{run_id}/stages/{stage}",
        "GET /ui/runs/{run_id}/stages/{stage}/images/{index}",
        "GET /ui/live/runs/{run_id}",
    ),
    **_all(
        Rule(TRIGGER, About.PIPELINE),
        "POST /trigger/{pipeline_id}",
        "GET /ui/pipelines/{ref}/trigger",
        "POST /ui/pipelines/{ref}/trigger",
    ),
    **_all(
        Rule(TRIGGER, About.RUN),
        "POST /runs/{id}/again",
        "GET /ui/runs/{run_id}/again",
        "POST /ui/runs/{run_id}/again",
    ),
    **_all(
        Rule(OPERATE, About.RUN),
        "POST /runs/{id}/cancel",
        "POST /runs/{id}/retry",
        "POST /runs/{id}/stages/{stage}/retry",
        "POST /runs/{id}/stages/{stage}/skip",
        "POST /runs/{id}/stages/{stage}/cancel",
        "POST /runs/{id}/stages/{stage}/approve",
        "POST /runs/{id}/stages/{stage}/reject",
        "GET /ui/runs/{run_id}/cancel",
        "POST /ui/runs/{run_id}/cancel",
        "GET /ui/runs/{run_id}/retry",
        "POST /ui/runs/{run_id}/retry",
        "POST /ui/runs/{run_id}/stages/{stage}/retry",
        "POST /ui/runs/{run_id}/stages/{stage}/skip",
        "POST /ui/runs/{run_id}/stages/{stage}/cancel",
        "POST /ui/runs/{run_id}/stages/{stage}/decide",
    ),
    **_all(Rule(OPERATE), "POST /ui/waiting"),
    **_all(Rule(REPORT, About.REPORT), "POST /status-update/", "POST /status-update/batch"),
    **_all(Rule(DEFINE), "POST /pipelines/", "GET /ui/new", "POST /ui/new"),
    **_all(
        Rule(DEFINE, About.PIPELINE),
        "PUT /pipelines/{pipeline_id}",
        "GET /ui/pipelines/{ref}/edit",
        "POST /ui/pipelines/{ref}/edit",
    ),
    **_all(
        Rule(ADMIN),
        "GET /tokens/",
        "POST /tokens/",
        "DELETE /tokens/{token_id}",
        "GET /accounts/",
        "POST /accounts/",
        "PATCH /accounts/{name}",
        "GET /audit/",
        "GET /audit/export",
        "GET /ui/tokens",
        "POST /ui/tokens",
        "GET /ui/tokens/{token_id}",
        "GET /ui/tokens/{token_id}/heard",
        "POST /ui/tokens/{token_id}/revoke",
        "GET /ui/accounts",
        "POST /ui/accounts",
        "POST /ui/accounts/{name}",
        "GET /ui/audit",
    ),
}

OF_PIPELINE: Final = ("pipeline_id", "ref")
OF_RUN: Final = ("id", "run_id")
"""What the parameters of addresses are called that name a pipeline, or a run."""
