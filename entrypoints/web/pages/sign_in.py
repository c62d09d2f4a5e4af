"""Signing in and out. The answer to a wrong password says nothing about the name."""

from urllib.parse import quote, unquote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from application.commands.access.open_session import SignInResult
from application.commands.access.sign_in import TooManySignInAttempts
from domain.access.caller import AuthMethod
from domain.errors import HeadgateError, InvalidInput, NotAllowed, NotSignedIn, Unavailable
from entrypoints.http.auth.caller import get_caller, get_client_address, get_session_key
from entrypoints.http.auth.permissions import SESSION_COOKIE, AccessLevel, requires
from entrypoints.web.lookups import get_application
from entrypoints.web.page_context import load_waiting_count
from entrypoints.web.pages.trigger import parse_flat_form
from entrypoints.web.templating import render_page

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_waiting_count)])
PROVIDER_COOKIE = "__Host-headgate-away"
"""What the browser keeps while it is with the identity provider."""
_PROVIDER_COOKIE_SECONDS = 600
_WAIT = {"Retry-After": "60"}


@router.get("/ui/sign-in")
@requires(AccessLevel.PUBLIC)
async def sign_in_form(request: Request, next: str = "/") -> Response:
    if get_caller(request).auth_method is AuthMethod.SESSION:
        return RedirectResponse(_safe_redirect_path(next), 303)
    return await _form(request, next, "", "", 200)


@router.post("/ui/sign-in")
@requires(AccessLevel.PUBLIC)
async def sign_in(request: Request) -> Response:
    form = await parse_flat_form(request)
    name, next_path = form.get("name", "")[:200], form.get("next", "/")
    try:
        signed_in = await get_application(request).sign_in()(
            name, form.get("password", "")[:1_000], get_client_address(request), get_session_key(request)
        )
    except TooManySignInAttempts as error:
        return await _form(request, next_path, name, str(error), 429)
    except NotSignedIn as error:
        return await _form(request, next_path, name, str(error), 401)
    return _sign_in_response(request, signed_in, next_path)


@router.get("/ui/sign-in/provider")
@requires(AccessLevel.PUBLIC)
async def redirect_to_provider(request: Request, next: str = "/") -> Response:
    provider = get_application(request).adapters.identity_provider()
    if provider is None:
        return RedirectResponse("/ui/sign-in", 303)
    try:
        address, remembered = await provider.begin(_callback_url(request))
    except Unavailable as error:
        return await _form(request, next, "", str(error), 503)
    answer = RedirectResponse(address, 303, headers={"Cache-Control": "no-store"})
    answer.set_cookie(
        PROVIDER_COOKIE,
        f"{remembered}~{quote(_safe_redirect_path(next), safe='')}",
        _PROVIDER_COOKIE_SECONDS,
        path="/",
        secure=True,
        httponly=True,
        samesite="lax",
    )
    return answer


@router.get("/ui/sign-in/back")
@requires(AccessLevel.PUBLIC)
async def provider_callback(request: Request, state: str = "", code: str = "", error: str = "") -> Response:
    application = get_application(request)
    provider = application.adapters.identity_provider()
    if provider is None:
        return RedirectResponse("/ui/sign-in", 303)
    remembered, _, next_path = request.cookies.get(PROVIDER_COOKIE, "").partition("~")
    next_path = unquote(next_path)
    try:
        if error or not remembered:
            raise NotSignedIn("The sign-in was broken off; begin again.")
        identity = await provider.finish(_callback_url(request), remembered, state[:500], code[:2_000])
        signed_in = await application.sign_in_by_identity()(identity, get_client_address(request), get_session_key(request))
    except (NotSignedIn, NotAllowed, InvalidInput, Unavailable) as refusal:
        answer = await _form(request, next_path or "/", "", str(refusal), _status_of(refusal))
    else:
        answer = _sign_in_response(request, signed_in, next_path)
    answer.delete_cookie(PROVIDER_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return answer


@router.post("/ui/sign-out")
@requires(AccessLevel.SIGNED_IN)
async def sign_out(request: Request) -> Response:
    everywhere = (await parse_flat_form(request)).get("everywhere") == "1"
    await get_application(request).sign_out()(get_session_key(request) or "", get_client_address(request), everywhere)
    answer = RedirectResponse("/ui/sign-in", 303)
    answer.delete_cookie(SESSION_COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


async def _form(request: Request, next_path: str, name: str, problem: str, status: int) -> Response:
    application = get_application(request)
    settings = application.settings()
    answer = render_page(
        request,
        "sign_in.html",
        status,
        css=("access.css",),
        next=_safe_redirect_path(next_path),
        name=name,
        problem=problem,
        is_open=settings.auth == "none",
        is_first=not await application.access_queries().list_accounts(),
        provider=application.adapters.identity_provider() is not None,
    )
    if status == 429:
        answer.headers.update(_WAIT)
    return answer


def _sign_in_response(request: Request, signed_in: SignInResult, next_path: str) -> Response:
    answer = RedirectResponse(_safe_redirect_path(next_path), 303, headers={"Cache-Control": "no-store"})
    lasts = int(get_application(request).session_rules().absolute.total_seconds())
    answer.set_cookie(SESSION_COOKIE, signed_in.key, lasts, path="/", secure=True, httponly=True, samesite="lax")
    return answer


def _safe_redirect_path(next_path: str) -> str:
    """The address, if it is a page of ours and nothing else."""
    is_ours = (
        next_path.startswith("/")
        and not next_path.startswith(("//", "/\\", "/ui/sign-in"))
        and next_path.isprintable()
        and "\\" not in next_path
    )
    return next_path if is_ours and len(next_path) <= 2_000 else "/"


def _callback_url(request: Request) -> str:
    return f"{get_application(request).settings().public_url}/ui/sign-in/back"


def _status_of(refusal: HeadgateError) -> int:
    return 503 if isinstance(refusal, Unavailable) else 403 if isinstance(refusal, NotAllowed) else 401
