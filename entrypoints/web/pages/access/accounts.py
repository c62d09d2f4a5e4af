"""Accounts of people."""

from collections import defaultdict
from collections.abc import Mapping

from fastapi import APIRouter, Depends, Request, Response

from application.commands.access.change_account import AccountChange
from domain.access.permissions import Role
from domain.errors import Conflict, InvalidInput, NameTaken
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import ADMIN, requires
from entrypoints.http.base_path import redirect
from entrypoints.web.form_data import parse_flat_form
from entrypoints.web.lookups import get_application
from entrypoints.web.page_context import load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.forms import format_problems

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])


@router.get("/ui/accounts")
@requires(ADMIN)
async def list_accounts(request: Request) -> Response:
    """Show all accounts and the form for a new one."""
    return await _render_list(request, {}, "", 200)


@router.post("/ui/accounts")
@requires(ADMIN)
async def create_account(request: Request) -> Response:
    """Create an account with a role and a password."""
    form = await parse_flat_form(request)
    create = get_application(request).create_account()
    try:
        await create(form.get("name", ""), _parse_role(form), form.get("password", ""), get_actor(request))
    except (InvalidInput, NameTaken) as error:
        return await _render_list(request, form, _describe_error(error), 422)
    return redirect("/ui/accounts")


@router.post("/ui/accounts/{name}")
@requires(ADMIN)
async def change_account(request: Request, name: str) -> Response:
    """Change the account's role, or disable or enable it."""
    form = await parse_flat_form(request)
    action = form.get("do", "")
    is_disabled = {"shut": True, "open": False}.get(action)
    try:
        role = _parse_role(form) if action == "role" else None
        await get_application(request).change_account()(name, AccountChange(role, is_disabled), get_actor(request))
    except (Conflict, InvalidInput) as error:
        return await _render_list(request, {}, _describe_error(error), 409 if isinstance(error, Conflict) else 422)
    return redirect("/ui/accounts")


async def _render_list(request: Request, form: Mapping[str, str], problem: str, status: int) -> Response:
    application = get_application(request)
    return render_page(
        request,
        "accounts.html",
        status,
        section="system",
        css=("access.css",),
        accounts=await application.access_queries().list_accounts(),
        roles=list(Role),
        form=defaultdict(str, form),
        problem=problem,
        is_open=application.settings().auth == "none",
    )


def _parse_role(form: Mapping[str, str]) -> Role:
    if form.get("role") not in set(Role):
        raise InvalidInput.for_field("role", "must be one of " + ", ".join(Role))
    return Role(form["role"])


def _describe_error(error: InvalidInput | NameTaken | Conflict) -> str:
    return " ".join(format_problems(error.problems)) if isinstance(error, InvalidInput) else str(error)
