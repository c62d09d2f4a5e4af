"""Retry or cancel the runs of a filtered list: a form that lists them, and a page that shows how far the action is."""

from secrets import token_hex
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, Request, Response

from domain.errors import InvalidInput
from entrypoints.http.auth.permissions import OPERATE, requires
from entrypoints.web.bulk.action import WORDS, BulkAction
from entrypoints.web.bulk.apply import apply_to_runs
from entrypoints.web.bulk.progress import parse_progress
from entrypoints.web.bulk.selection import BOARD, select_runs
from entrypoints.web.form_data import get_text, parse_form
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.runs.bulk import build_bulk_form, build_bulk_result

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
CSS = ("run.css", "bulk.css")


@router.get(BulkAction.RETRY.path)
@requires(OPERATE)
async def show_retry_form(request: Request) -> Response:
    """List the runs that a retry of the filtered list applies to."""
    return await _render_form(request, BulkAction.RETRY)


@router.post(BulkAction.RETRY.path)
@requires(OPERATE)
async def retry_runs(request: Request) -> Response:
    """Retry the chosen runs."""
    return await _apply(request, BulkAction.RETRY)


@router.get(BulkAction.CANCEL.path)
@requires(OPERATE)
async def show_cancel_form(request: Request) -> Response:
    """List the runs that a cancellation of the filtered list applies to."""
    return await _render_form(request, BulkAction.CANCEL)


@router.post(BulkAction.CANCEL.path)
@requires(OPERATE)
async def cancel_runs(request: Request) -> Response:
    """Cancel the chosen runs."""
    return await _apply(request, BulkAction.CANCEL)


async def _render_form(request: Request, action: BulkAction, problem: str = "", status: int = 200) -> Response:
    selection = await select_runs(get_page_context(request), action, request.query_params)
    form = build_bulk_form(action, selection)
    addresses = _get_addresses(request, action)
    return render_page(request, "bulk_form.html", status, css=CSS, form=form, key=token_hex(16), problem=problem, **addresses)


async def _apply(request: Request, action: BulkAction) -> Response:
    form = await parse_form(request)
    try:
        progress = parse_progress(form)
    except InvalidInput as error:
        (problem,) = error.problems
        return await _render_form(request, action, f"{problem.message[:1].upper()}{problem.message[1:]}.", 422)
    use_newest = get_text(form, "revision") == "newest"
    progress = await apply_to_runs(request, action, progress, use_newest)
    return render_page(
        request,
        "bulk_result.html",
        css=CSS,
        result=build_bulk_result(action, progress),
        words=WORDS[action],
        revision="newest" if use_newest else "same",
        **_get_addresses(request, action),
    )


def _get_addresses(request: Request, action: BulkAction) -> dict[str, Any]:
    """Return the address of the form, which keeps the filter, and that of the list that it came from."""
    parameters = [(key, value) for key, value in parse_qsl(request.url.query) if key != "from"]
    query, is_board = urlencode(parameters), request.query_params.get("from") == BOARD
    path = "/" if is_board else "/ui/runs"
    own = request.url.query
    return {
        "action": f"{action.path}?{own}" if own else action.path,
        "back": f"{path}?{query}" if query else path,
        "list_name": "Pipelines" if is_board else "Runs",
        "section": "pipelines" if is_board else "runs",
    }
