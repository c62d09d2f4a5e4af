"""Sign-in by password or identity provider, and sign-out. A wrong password and an unknown name get the same response."""

import re
from urllib.parse import quote, unquote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from application.commands.access.open_session import SignInResult
from application.commands.access.sign_in import TooManySignInAttempts
from domain.access.caller import AuthMethod
from domain.errors import HeadgateError, InvalidInput, NotAllowed, NotSignedIn, Unavailable
from entrypoints.http.auth.caller import get_caller, get_client_address, get_session_key
from entrypoints.http.auth.cookies import delete_cookie, read_cookie, set_cookie
from entrypoints.http.auth.permissions import SESSION_COOKIE, AccessLevel, requires
from entrypoints.http.base_path import redirect
from entrypoints.web.form_data import parse_flat_form
from entrypoints.web.lookups import get_application
from entrypoints.web.page_context import load_page_frame
from entrypoints.web.templating import render_page

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
PROVIDER_COOKIE = "headgate-away"
"""The cookie that holds the sign-in's state while the browser is at the identity provider."""
_PROVIDER_COOKIE_SECONDS = 600
_RETRY_AFTER = {"Retry-After": "60"}
_MAX_PATH_LENGTH = 2_000
_DOT_SEGMENT = re.compile(r"(\.|%2e){1,2}", re.IGNORECASE)
"""A segment that browsers resolve, so that a path may lead out of the base path."""


@router.get("/ui/sign-in")
@requires(AccessLevel.PUBLIC)
async def show_sign_in_form(request: Request, next: str = "/") -> Response:
    """Show the form, or redirect to `next` if the user is signed in."""
    if get_caller(request).auth_method is AuthMethod.SESSION:
        return redirect(_safe_redirect_path(next))
    return await _render_form(request, next, "", "", 200)


@router.post("/ui/sign-in")
@requires(AccessLevel.PUBLIC)
async def sign_in(request: Request) -> Response:
    """Sign in with name and password."""
    form = await parse_flat_form(request)
    name, next_path = form.get("name", "")[:200], form.get("next", "/")
    password = form.get("password", "")[:1_000]
    try:
        result = await get_application(request).sign_in()(name, password, get_client_address(request), get_session_key(request))
    except TooManySignInAttempts as error:
        return await _render_form(request, next_path, name, str(error), 429)
    except NotSignedIn as error:
        return await _render_form(request, next_path, name, str(error), 401)
    return _sign_in_response(request, result, next_path)


@router.get("/ui/sign-in/provider")
@requires(AccessLevel.PUBLIC)
async def redirect_to_provider(request: Request, next: str = "/") -> Response:
    """Redirect to the identity provider. A cookie holds the sign-in's state and the page to return to."""
    provider = get_application(request).adapters.identity_provider()
    if provider is None:
        return redirect("/ui/sign-in")
    try:
        url, state = await provider.begin(_callback_url(request))
    except Unavailable as error:
        return await _render_form(request, next, "", str(error), 503)
    response = RedirectResponse(url, 303, headers={"Cache-Control": "no-store"})
    value = f"{state}~{quote(_safe_redirect_path(next), safe='')}"
    set_cookie(response, PROVIDER_COOKIE, value, _PROVIDER_COOKIE_SECONDS)
    return response


@router.get("/ui/sign-in/back")
@requires(AccessLevel.PUBLIC)
async def provider_callback(request: Request, state: str = "", code: str = "", error: str = "") -> Response:
    """Complete the sign-in when the browser returns from the identity provider."""
    application = get_application(request)
    provider = application.adapters.identity_provider()
    if provider is None:
        return redirect("/ui/sign-in")
    cookie_state, _, next_path = (read_cookie(request.headers, PROVIDER_COOKIE) or "").partition("~")
    next_path = unquote(next_path)
    try:
        if error or not cookie_state:
            raise NotSignedIn("The sign-in was interrupted. Start again.")
        identity = await provider.finish(_callback_url(request), cookie_state, state[:500], code[:2_000])
        result = await application.sign_in_by_identity()(identity, get_client_address(request), get_session_key(request))
    except (NotSignedIn, NotAllowed, InvalidInput, Unavailable) as refusal:
        response = await _render_form(request, next_path or "/", "", str(refusal), _get_status(refusal))
    else:
        response = _sign_in_response(request, result, next_path)
    delete_cookie(response, PROVIDER_COOKIE)
    return response


@router.post("/ui/sign-out")
@requires(AccessLevel.SIGNED_IN)
async def sign_out(request: Request) -> Response:
    """End this session, or all sessions of the user."""
    everywhere = (await parse_flat_form(request)).get("everywhere") == "1"
    await get_application(request).sign_out()(get_session_key(request) or "", get_client_address(request), everywhere)
    response = redirect("/ui/sign-in")
    delete_cookie(response, SESSION_COOKIE)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


async def _render_form(request: Request, next_path: str, name: str, problem: str, status: int) -> Response:
    application = get_application(request)
    response = render_page(
        request,
        "sign_in.html",
        status,
        css=("access.css",),
        next=_safe_redirect_path(next_path),
        name=name,
        problem=problem,
        is_open=application.settings().auth == "none",
        is_first=not await application.access_queries().list_accounts(),
        has_provider=application.adapters.identity_provider() is not None,
    )
    if status == 429:
        response.headers.update(_RETRY_AFTER)
    return response


def _sign_in_response(request: Request, result: SignInResult, next_path: str) -> Response:
    response = redirect(_safe_redirect_path(next_path))
    response.headers["Cache-Control"] = "no-store"
    max_age = int(get_application(request).session_rules().absolute.total_seconds())
    set_cookie(response, SESSION_COOKIE, result.key, max_age)
    return response


def _safe_redirect_path(path: str) -> str:
    """Return the path if it leads to one of our pages, else "/". This prevents redirects to other sites."""
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\", "/ui/sign-in")) and path.isprintable() and "\\" not in path
    leaves_base_path = any(_DOT_SEGMENT.fullmatch(segment) for segment in re.split("[?#]", path)[0].split("/"))
    return path if is_ours and not leaves_base_path and len(path) <= _MAX_PATH_LENGTH else "/"


def _callback_url(request: Request) -> str:
    return f"{get_application(request).settings().public_url}/ui/sign-in/back"


def _get_status(refusal: HeadgateError) -> int:
    return 503 if isinstance(refusal, Unavailable) else 403 if isinstance(refusal, NotAllowed) else 401
