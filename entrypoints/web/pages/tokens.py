"""Tokens, accounts, the audit log, and one's own account."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from application.commands.access.change_account import AccountChange
from application.commands.access.create_token import NewToken
from application.queries.access.access_queries import AccessQueries
from domain.access.api_tokens import ApiToken, TokenKind
from domain.access.audit import AuditAction
from domain.access.permissions import Role, Scope
from domain.errors import Conflict, InvalidInput, NameTaken, NotFound
from entrypoints.http.auth.caller import get_actor, get_caller, get_session_key
from entrypoints.http.auth.permissions import ADMIN, AccessLevel, requires
from entrypoints.http.ids import parse_id
from entrypoints.web.lookups import get_application, get_origin
from entrypoints.web.page_context import get_page_context, load_waiting_count
from entrypoints.web.pages.trigger import get_last_values, parse_flat_form, parse_form
from entrypoints.web.templating import render, render_page
from entrypoints.web.view_models.forms import format_problems
from entrypoints.web.view_models.tokens import AuditEntryItem, TokenItem, build_reporter_snippets

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_waiting_count)])
ENTRIES = 100
MOST_DAYS = 3_650


@router.get("/ui/tokens")
@requires(ADMIN)
async def tokens(request: Request, pipeline: str = "") -> Response:
    return await _tokens(request, {"pipeline": pipeline[:100], "days": "90"}, (), 200)


@router.post("/ui/tokens")
@requires(ADMIN)
async def create_token(request: Request) -> Response:
    """The new token is in this answer and nowhere else."""
    raw = await parse_form(request)
    form = get_last_values(raw)
    kind = TokenKind.REPORTER if form.get("kind") == "reporter" else TokenKind.API
    scopes = [Scope.REPORT] if kind is TokenKind.REPORTER else [Scope(word) for word in raw.get("scope", ()) if word in set(Scope)]
    days, name = form.get("days", "").strip(), form.get("pipeline", "").strip()
    try:
        ends = _ends(days, get_page_context(request).now())
        new = NewToken(form.get("name", ""), kind, scopes, (name if (number := parse_id(name)) is None else number) or None, ends)
        made = await get_application(request).create_token()(new, get_actor(request))
    except InvalidInput as error:
        return await _tokens(request, {**form, "scopes": " ".join(scopes)}, format_problems(error.problems), 422)
    pipeline = await get_page_context(request).reader.pipeline(made.token.pipeline_id) if made.token.pipeline_id else None
    snippets = build_reporter_snippets(made.text, made.token, pipeline, get_origin(request))
    return render_page(
        request,
        "token.html",
        201,
        section="system",
        css=("access.css",),
        token=TokenItem.of(made.token, pipeline.name if pipeline else None, get_page_context(request).now()),
        text=made.text,
        snippets=snippets,
        heard=await _heard(request, made.token),
    )


@router.get("/ui/tokens/{token_id}")
@requires(ADMIN)
async def token(request: Request, token_id: str) -> Response:
    found = await _found(request, token_id)
    pipeline = await get_page_context(request).reader.pipeline(found.pipeline_id) if found.pipeline_id else None
    line = TokenItem.of(found, pipeline.name if pipeline else None, get_page_context(request).now())
    return render_page(
        request, "token.html", section="system", css=("access.css",), token=line, text="", snippets=(), heard=await _heard(request, found)
    )


@router.get("/ui/tokens/{token_id}/heard")
@requires(ADMIN)
async def heard(request: Request, token_id: str) -> Response:
    """Whether anything has come with this token yet: the part of its page that turns green."""
    found = await _found(request, token_id)
    html = render("live/heard.html", token_id=found.id, heard=await _heard(request, found))
    return Response(html, media_type="text/html; charset=utf-8", headers={"Cache-Control": "no-store"})


@router.post("/ui/tokens/{token_id}/revoke")
@requires(ADMIN)
async def revoke_token(request: Request, token_id: str) -> Response:
    found = await _found(request, token_id)
    await get_application(request).revoke_token()(found.id, get_actor(request))
    return RedirectResponse("/ui/tokens", 303)


@router.get("/ui/accounts")
@requires(ADMIN)
async def accounts(request: Request) -> Response:
    return await _accounts(request, {}, "", 200)


@router.post("/ui/accounts")
@requires(ADMIN)
async def create_account(request: Request) -> Response:
    form = await parse_flat_form(request)
    try:
        await get_application(request).create_account()(form.get("name", ""), _role(form), form.get("password", ""), get_actor(request))
    except (InvalidInput, NameTaken) as error:
        return await _accounts(request, form, _said(error), 422)
    return RedirectResponse("/ui/accounts", 303)


@router.post("/ui/accounts/{name}")
@requires(ADMIN)
async def change_account(request: Request, name: str) -> Response:
    """Give the role of the form, or shut or open the account."""
    form = await parse_flat_form(request)
    disabled = {"shut": True, "open": False}.get(form.get("do", ""))
    try:
        role = _role(form) if form.get("do") == "role" else None
        await get_application(request).change_account()(name, AccountChange(role, disabled), get_actor(request))
    except (Conflict, InvalidInput) as error:
        return await _accounts(request, {}, _said(error), 409 if isinstance(error, Conflict) else 422)
    return RedirectResponse("/ui/accounts", 303)


@router.get("/ui/account")
@requires(AccessLevel.SIGNED_IN)
async def own_account(request: Request) -> Response:
    return render_page(request, "account.html", section="account", css=("access.css",), problem="", done=False)


@router.post("/ui/account")
@requires(AccessLevel.SIGNED_IN)
async def change_password(request: Request) -> Response:
    form, me = await parse_flat_form(request), get_caller(request)
    try:
        if form.get("password") != form.get("again"):
            raise InvalidInput.for_field("again", "is not the same as the new password")
        change = get_application(request).change_password()
        await change(me.account_id, get_session_key(request), form.get("before", ""), form.get("password", ""), get_actor(request))
    except InvalidInput as error:
        return render_page(request, "account.html", 422, section="account", css=("access.css",), problem=_said(error), done=False)
    return render_page(request, "account.html", section="account", css=("access.css",), problem="", done=True)


@router.get("/ui/audit")
@requires(ADMIN)
async def audit(request: Request, before: int = 0, deed: str = "", who: str = "") -> Response:
    wanted = AuditAction(deed) if deed in set(AuditAction) else None
    name = who.strip()[:200].replace("\0", "")
    below = before if 0 < before < 2**63 else None
    entries = await get_application(request).access_queries().list_audit_entries(ENTRIES + 1, below, wanted, name or None)
    lines = [AuditEntryItem.of(entry) for entry in entries[:ENTRIES]]
    more = lines[-1].id if len(entries) > ENTRIES else 0
    return render_page(
        request,
        "audit.html",
        section="system",
        css=("access.css",),
        lines=lines,
        more=more,
        deed=wanted or "",
        who=name,
        deeds=list(AuditAction),
    )


async def _tokens(request: Request, form: Mapping[str, str], problems: object, status: int) -> Response:
    site = get_page_context(request)
    found = await get_application(request).access_queries().list_tokens()
    pipelines = {row.pipeline.id: row.pipeline.name for row in await site.reader.board()}
    lines = [TokenItem.of(each, pipelines.get(each.pipeline_id or 0), site.now()) for each in found]
    return render_page(
        request,
        "tokens.html",
        status,
        section="system",
        css=("access.css",),
        lines=lines,
        form=defaultdict(str, form),
        scopes=list(Scope),
        pipelines=sorted(pipelines.values()),
        problems=problems,
    )


async def _accounts(request: Request, form: Mapping[str, str], problem: str, status: int) -> Response:
    application = get_application(request)
    found = await application.access_queries().list_accounts()
    is_open = application.settings().auth == "none"
    return render_page(
        request,
        "accounts.html",
        status,
        section="system",
        css=("access.css",),
        accounts=found,
        roles=list(Role),
        form=defaultdict(str, form),
        problem=problem,
        is_open=is_open,
    )


async def _found(request: Request, text: str) -> ApiToken:
    access_queries: AccessQueries = get_application(request).access_queries()
    number = parse_id(text)
    found = None if number is None else await access_queries.get_token(number)
    if found is None:
        raise NotFound("token", text)
    return found


async def _heard(request: Request, token: ApiToken) -> int | None:
    """The run in which the token's word stands; looked for in the newest of its pipeline."""
    if token.pipeline_id is None:
        return None
    reader = get_page_context(request).reader
    for run in await reader.runs(pipeline_id=token.pipeline_id, status=None, skip=0, limit=3):
        if any(event.actor == f"token {token.name}" for event in await reader.events(run.id, 0, 1_000)):
            return run.id
    return None


def _ends(days: str, now: datetime) -> datetime | None:
    if not days:
        return None
    if not (days.isascii() and days.isdigit() and 1 <= int(days[:6]) <= MOST_DAYS):
        raise InvalidInput.for_field("days", f"is a number from 1 to {MOST_DAYS}, or empty for no end")
    return now + timedelta(days=int(days))


def _role(form: Mapping[str, str]) -> Role:
    if form.get("role") not in set(Role):
        raise InvalidInput.for_field("role", "is one of " + ", ".join(Role))
    return Role(form["role"])


def _said(error: InvalidInput | NameTaken | Conflict) -> str:
    if isinstance(error, InvalidInput):
        return " ".join(format_problems(error.problems))
    return str(error)
