"""Signing in and out. The answer to a wrong password says nothing about the name."""

from urllib.parse import quote, unquote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from application.commands.sign_in import SignedIn, TooManyTries
from domain.access import Way
from domain.errors import HeadgateError, InvalidInput, NotAllowed, NotSignedIn, Unavailable
from entrypoints.http.auth.caller import address_of, caller_of, session_of
from entrypoints.http.auth.permissions import COOKIE, AccessLevel, requires
from entrypoints.web.forms import typed_of
from entrypoints.web.lookups import application_of
from entrypoints.web.site import frame_of
from entrypoints.web.templating import page

router = APIRouter(include_in_schema=False, dependencies=[Depends(frame_of)])
AWAY = "__Host-headgate-away"
"""What the browser keeps while it is with the identity provider."""
_AWAY_SECONDS = 600
_WAIT = {"Retry-After": "60"}


@router.get("/ui/sign-in")
@requires(AccessLevel.PUBLIC)
async def sign_in_form(request: Request, next: str = "/") -> Response:
    if caller_of(request).way is Way.SESSION:
        return RedirectResponse(_ours(next), 303)
    return await _form(request, next, "", "", 200)


@router.post("/ui/sign-in")
@requires(AccessLevel.PUBLIC)
async def sign_in(request: Request) -> Response:
    form = await typed_of(request)
    name, there = form.get("name", "")[:200], form.get("next", "/")
    try:
        signed_in = await application_of(request).sign_in()(
            name, form.get("password", "")[:1_000], address_of(request), session_of(request)
        )
    except TooManyTries as error:
        return await _form(request, there, name, str(error), 429)
    except NotSignedIn as error:
        return await _form(request, there, name, str(error), 401)
    return _welcome(request, signed_in, there)


@router.get("/ui/sign-in/provider")
@requires(AccessLevel.PUBLIC)
async def to_the_provider(request: Request, next: str = "/") -> Response:
    provider = application_of(request).adapters.identity_provider()
    if provider is None:
        return RedirectResponse("/ui/sign-in", 303)
    try:
        address, remembered = await provider.begin(_back(request))
    except Unavailable as error:
        return await _form(request, next, "", str(error), 503)
    answer = RedirectResponse(address, 303, headers={"Cache-Control": "no-store"})
    answer.set_cookie(
        AWAY, f"{remembered}~{quote(_ours(next), safe='')}", _AWAY_SECONDS, path="/", secure=True, httponly=True, samesite="lax"
    )
    return answer


@router.get("/ui/sign-in/back")
@requires(AccessLevel.PUBLIC)
async def back_from_the_provider(request: Request, state: str = "", code: str = "", error: str = "") -> Response:
    application = application_of(request)
    provider = application.adapters.identity_provider()
    if provider is None:
        return RedirectResponse("/ui/sign-in", 303)
    remembered, _, there = request.cookies.get(AWAY, "").partition("~")
    there = unquote(there)
    try:
        if error or not remembered:
            raise NotSignedIn("The sign-in was broken off; begin again.")
        identity = await provider.finish(_back(request), remembered, state[:500], code[:2_000])
        signed_in = await application.sign_in_by_identity()(identity, address_of(request), session_of(request))
    except (NotSignedIn, NotAllowed, InvalidInput, Unavailable) as refusal:
        answer = await _form(request, there or "/", "", str(refusal), _status_of(refusal))
    else:
        answer = _welcome(request, signed_in, there)
    answer.delete_cookie(AWAY, path="/", secure=True, httponly=True, samesite="lax")
    return answer


@router.post("/ui/sign-out")
@requires(AccessLevel.SIGNED_IN)
async def sign_out(request: Request) -> Response:
    everywhere = (await typed_of(request)).get("everywhere") == "1"
    await application_of(request).sign_out()(session_of(request) or "", address_of(request), everywhere)
    answer = RedirectResponse("/ui/sign-in", 303)
    answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


async def _form(request: Request, there: str, name: str, problem: str, status: int) -> Response:
    application = application_of(request)
    settings = application.settings()
    answer = page(
        request,
        "sign_in.html",
        status,
        css=("access.css",),
        next=_ours(there),
        name=name,
        problem=problem,
        is_open=settings.auth == "none",
        is_first=not await application.registers().accounts(),
        provider=application.adapters.identity_provider() is not None,
    )
    if status == 429:
        answer.headers.update(_WAIT)
    return answer


def _welcome(request: Request, signed_in: SignedIn, there: str) -> Response:
    answer = RedirectResponse(_ours(there), 303, headers={"Cache-Control": "no-store"})
    lasts = int(application_of(request).session_rules().absolute.total_seconds())
    answer.set_cookie(COOKIE, signed_in.key, lasts, path="/", secure=True, httponly=True, samesite="lax")
    return answer


def _ours(there: str) -> str:
    """The address, if it is a page of ours and nothing else."""
    is_ours = there.startswith("/") and not there.startswith(("//", "/\\", "/ui/sign-in")) and there.isprintable() and "\\" not in there
    return there if is_ours and len(there) <= 2_000 else "/"


def _back(request: Request) -> str:
    return f"{application_of(request).settings().public_url}/ui/sign-in/back"


def _status_of(refusal: HeadgateError) -> int:
    return 503 if isinstance(refusal, Unavailable) else 403 if isinstance(refusal, NotAllowed) else 401
