"""The principal of a status report."""

from dataclasses import dataclass

from fastapi import Request

from application.commands.reports.status_update import TokenReporter
from application.ports.access.execution_tokens import AttemptClaims
from domain.access.caller import AuthMethod
from entrypoints.http.auth.caller import get_caller, get_claims


@dataclass(frozen=True, slots=True)
class Principal:
    """The attempt or the token reporter that a request's token identifies; neither for other callers."""

    attempt: AttemptClaims | None = None
    token_reporter: TokenReporter | None = None

    @property
    def names_target(self) -> bool:
        """Return True if the token itself names the pipeline or the attempt that its reports are about."""
        return self.attempt is not None or (self.token_reporter is not None and self.token_reporter.pipeline_id is not None)


ANONYMOUS = Principal()


def get_principal(request: Request) -> Principal:
    """Return the request's principal."""
    caller, claims = get_caller(request), get_claims(request)
    if caller.auth_method is AuthMethod.TOKEN:
        return Principal(token_reporter=TokenReporter(caller.name or "", caller.pipeline_id))
    return Principal(claims) if isinstance(claims, AttemptClaims) else ANONYMOUS
