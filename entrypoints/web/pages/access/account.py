"""The signed-in user's own account."""

from fastapi import APIRouter, Depends, Request, Response

from domain.errors import InvalidInput
from entrypoints.http.auth.caller import get_actor, get_caller, get_session_key
from entrypoints.http.auth.permissions import AccessLevel, requires
from entrypoints.web.form_data import parse_flat_form
from entrypoints.web.lookups import get_application
from entrypoints.web.page_context import load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.forms import format_problems

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])


@router.get("/ui/account")
@requires(AccessLevel.SIGNED_IN)
async def show_account(request: Request) -> Response:
    """Show the form that changes the password, and the buttons that sign out."""
    return _render(request, 200)


@router.post("/ui/account")
@requires(AccessLevel.SIGNED_IN)
async def change_password(request: Request) -> Response:
    """Change the password and end the user's other sessions."""
    form, caller = await parse_flat_form(request), get_caller(request)
    try:
        if form.get("password") != form.get("again"):
            raise InvalidInput.for_field("again", "is not the same as the new password")
        change = get_application(request).change_password()
        passwords = form.get("before", ""), form.get("password", "")
        await change(caller.account_id, get_session_key(request), *passwords, get_actor(request))
    except InvalidInput as error:
        return _render(request, 422, problem=" ".join(format_problems(error.problems)))
    return _render(request, 200, is_changed=True)


def _render(request: Request, status: int, *, problem: str = "", is_changed: bool = False) -> Response:
    values = {"problem": problem, "is_changed": is_changed}
    return render_page(request, "account.html", status, section="account", css=("access.css",), **values)
