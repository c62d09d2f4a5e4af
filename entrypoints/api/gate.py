"""Everything that is asked of a request before its route, in one order and in one place: thousands a second pass here."""

from starlette.types import ASGIApp, Receive, Scope, Send

from entrypoints.api.access import Access
from entrypoints.api.body_limit import ON_THEIR_WAY, BodyLimit, Full, Gone
from entrypoints.api.guards import HostGuard, OriginGuard
from entrypoints.api.head_limit import head_problem
from entrypoints.api.heads import head_of
from entrypoints.api.paths import Options, RouteTable, sent_without_body
from entrypoints.api.pressure import OVERLOADED, InFlight
from entrypoints.api.problems import Problem, respond
from entrypoints.api.rate_limit import RateLimit, RefusalLimit
from entrypoints.api.shortcuts import Shortcuts


class Gate:
    """Size of the head, refusals so far, host, origin, size of the body, requests in flight, address, permission, rate; then the route.

    What is refused never comes nearer to its route, and what is still on its way holds no place among those in flight. `rates` is None
    when no rate is limited.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        in_flight: InFlight,
        guards: tuple[HostGuard, OriginGuard],
        table: RouteTable,
        access: Access,
        rates: tuple[RefusalLimit, RateLimit] | None,
        shortcuts: Shortcuts | None,
    ) -> None:
        self._app = app
        self._bodies = BodyLimit(ON_THEIR_WAY)
        self._in_flight = in_flight
        self._host, self._origin = guards
        self._table = table
        self._access = access
        self._refusals = rates[0] if rates else None
        self._rate = rates[1] if rates else None
        self._options = Options(table)
        self._shortcuts = shortcuts
        self._let_in = self._look_at if self._refusals is None else self._count_refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif (problem := head_problem(scope)) is not None:
            await respond(scope, problem)(scope, receive, send)
        else:
            await self._let_in(scope, receive, send)

    async def _count_refusals(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._refusals is not None
        if (problem := self._refusals.problem(scope)) is not None:
            await respond(scope, problem)(scope, receive, send)
        else:
            await self._look_at(scope, receive, send)
            self._refusals.count(scope)

    async def _look_at(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = head_of(scope)
        problem = self._host.problem(head) or self._origin.problem(scope["method"], head)
        try:
            receive = receive if problem else await self._bodies.read(scope, head, receive)
        except Gone:
            return
        except OverflowError:
            problem = BodyLimit.TOO_LARGE
        except Full:
            problem = self._overloaded(scope)
        if problem is not None:
            await respond(scope, problem)(scope, receive, send)
        elif (leave := self._in_flight.enter(scope)) is None:
            await respond(scope, self._overloaded(scope))(scope, receive, send)
        else:
            try:
                await self._take_on(scope, receive, send)
            finally:
                leave()

    def _overloaded(self, scope: Scope) -> Problem:
        """Which is not the caller's fault."""
        if self._refusals is not None:
            self._refusals.forgive(scope)
        return OVERLOADED

    async def _take_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["path"] = self._table.canonical(scope["path"])
        if scope["method"] == "HEAD":
            scope["method"] = "GET"
            await sent_without_body(self._pass, scope, receive, send)
        else:
            await self._pass(scope, receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal, receive = await self._access.refusal(scope, receive)
        if refusal is None and self._rate is not None and (problem := self._rate.problem(scope)) is not None:
            refusal = respond(scope, problem)
        if refusal is None and scope["method"] == "OPTIONS":
            refusal = self._options.answer(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
        elif self._shortcuts is None or not await self._shortcuts.answered(scope, receive, send):
            await self._app(scope, receive, send)
