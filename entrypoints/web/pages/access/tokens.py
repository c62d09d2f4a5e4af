"""API, reporter and worker tokens."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from fastapi import APIRouter, Depends, Request, Response

from application.commands.access.create_token import NewToken
from application.ports.queries.reader import ArchivedFilter
from domain.access.api_tokens import ApiToken, TokenKind
from domain.access.permissions import Scope
from domain.errors import InvalidInput, NotFound
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import ADMIN, requires
from entrypoints.http.base_path import redirect
from entrypoints.http.ids import parse_id
from entrypoints.web.form_data import get_last_values, parse_form
from entrypoints.web.lookups import get_application, get_origin
from entrypoints.web.once_shown import read_shown_secret, redirect_with_secret
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render, render_page
from entrypoints.web.view_models.access.tokens import build_token_item, build_token_snippets, build_token_worker_items
from entrypoints.web.view_models.forms import format_problems

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
DEFAULT_DAYS = "90"
MAX_DAYS = 3_650
RUNS_SEARCHED = 3
EVENTS_SEARCHED = 1_000


@router.get("/ui/tokens")
@requires(ADMIN)
async def list_tokens(request: Request, pipeline: str = "") -> Response:
    """Show all tokens and the form for a new one, with a pipeline preselected if one is given."""
    return await _render_list(request, {"pipeline": pipeline[:100], "days": DEFAULT_DAYS}, (), 200)


@router.post("/ui/tokens")
@requires(ADMIN)
async def create_token(request: Request) -> Response:
    """Create a token and lead to its page, which shows the token with commands to copy. Loading that page again creates no second one."""
    fields = await parse_form(request)
    form = get_last_values(fields)
    kind = TokenKind(form["kind"]) if form.get("kind") in set(TokenKind) else TokenKind.API
    scopes = [Scope.REPORT] if kind is TokenKind.REPORTER else [Scope(word) for word in fields.get("scope", ()) if word in set(Scope)]
    days, name = form.get("days", "").strip(), form.get("pipeline", "").strip()
    pipeline_ref = name if (number := parse_id(name)) is None else number
    try:
        if kind is not TokenKind.API and fields.get("scope"):
            raise InvalidInput.for_field("scopes", "apply to API tokens only: choose API, or clear them")
        expires_at = _parse_expiry(days, get_page_context(request).now())
        new = NewToken(form.get("name", ""), kind, scopes, pipeline_ref or None, expires_at)
        created = await get_application(request).create_token()(new, get_actor(request))
    except InvalidInput as error:
        return await _render_list(request, {**form, "scopes": " ".join(fields.get("scope", ()))}, format_problems(error.problems), 422)
    return redirect_with_secret(request, f"/ui/tokens/{created.token.id}", created.text)


@router.get("/ui/tokens/{token_id}")
@requires(ADMIN)
async def show_token(request: Request, token_id: str) -> Response:
    """Show a token's details, and for a short time after its creation the token itself, with commands to copy."""
    context = get_page_context(request)
    token = await _require_token(request, token_id)
    pipeline = await context.reader.pipeline(token.pipeline_id) if token.pipeline_id else None
    workers = (await get_application(request).access_queries().list_token_workers([token]))[token.id]
    item = build_token_item(token, pipeline.name if pipeline else None, workers, context.now())
    shown = read_shown_secret(request)
    text = shown if item.is_valid and shown.endswith(item.hint) else ""
    snippets = build_token_snippets(text, token, pipeline, get_origin(request)) if text else ()
    run_id = await _find_first_report(request, token)
    shown_workers = build_token_worker_items(workers)
    page = {"section": "system", "css": ("access.css",), "is_worker_token": token.kind is TokenKind.WORKER}
    return render_page(request, "token.html", 200, **page, token=item, workers=shown_workers, text=text, snippets=snippets, run_id=run_id)


@router.get("/ui/tokens/{token_id}/heard")
@requires(ADMIN)
async def get_first_report(request: Request, token_id: str) -> Response:
    """Return the fragment that names the first report that was sent with this token, or 204 before it."""
    token = await _require_token(request, token_id)
    run_id = await _find_first_report(request, token)
    if run_id is None:
        return Response(status_code=204, headers={"Cache-Control": "no-store"})
    html = render("live/first_report.html", token_id=token.id, run_id=run_id)
    return Response(html, media_type="text/html; charset=utf-8", headers={"Cache-Control": "no-store"})


@router.post("/ui/tokens/{token_id}/revoke")
@requires(ADMIN)
async def revoke_token(request: Request, token_id: str) -> Response:
    """Revoke a token."""
    token = await _require_token(request, token_id)
    await get_application(request).revoke_token()(token.id, get_actor(request))
    return redirect("/ui/tokens")


async def _render_list(request: Request, form: Mapping[str, str], problems: Sequence[str], status: int) -> Response:
    context = get_page_context(request)
    queries = get_application(request).access_queries()
    tokens = await queries.list_tokens()
    workers = await queries.list_token_workers(tokens)
    pipelines = {row.pipeline.id: row.pipeline.name for row in await context.reader.board(ArchivedFilter.INCLUDE)}
    return render_page(
        request,
        "tokens.html",
        status,
        section="system",
        css=("access.css",),
        tokens=[build_token_item(token, pipelines.get(token.pipeline_id or 0), workers[token.id], context.now()) for token in tokens],
        form=defaultdict(str, form),
        scopes=list(Scope),
        pipelines=sorted(pipelines.values()),
        problems=problems,
    )


async def _require_token(request: Request, token_id: str) -> ApiToken:
    number = parse_id(token_id)
    token = None if number is None else await get_application(request).access_queries().get_token(number)
    if token is None:
        raise NotFound("token", token_id)
    return token


async def _find_first_report(request: Request, token: ApiToken) -> int | None:
    """Return the id of a run that was reported about with this token. Only the pipeline's newest runs are searched."""
    if token.pipeline_id is None:
        return None
    reader = get_page_context(request).reader
    for run in await reader.runs(pipeline_id=token.pipeline_id, status=None, skip=0, limit=RUNS_SEARCHED):
        if any(event.actor == f"token {token.name}" for event in await reader.events(run.id, 0, EVENTS_SEARCHED)):
            return run.id
    return None


def _parse_expiry(days: str, now: datetime) -> datetime | None:
    """Return when the token expires; None for a blank number of days. Raise InvalidInput if it is not a number from 1 to MAX_DAYS."""
    if not days:
        return None
    number = parse_id(days)
    if number is None or not 1 <= number <= MAX_DAYS:
        raise InvalidInput.for_field("days", f"must be a number from 1 to {MAX_DAYS}, or blank for no expiry")
    return now + timedelta(days=number)
