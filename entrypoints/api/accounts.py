"""People's accounts."""

from fastapi import APIRouter
from starlette.responses import Response

from application.commands.keep_accounts import Change
from entrypoints.api import access_examples as examples
from entrypoints.api.access_shapes import AccountBody, AccountChangeBody, AccountShape, account_json
from entrypoints.api.openapi import answers, takes
from entrypoints.api.presenters import Json
from entrypoints.api.requests import Acting, App, JsonBody, shaped
from entrypoints.http.auth.permissions import ADMIN, requires

router = APIRouter(tags=["access"])


@router.get(
    "/accounts/",
    summary="Accounts",
    operation_id="list_accounts",
    responses=answers(200, list[AccountShape], [examples.ACCOUNT], problems=(503,)),
)
@requires(ADMIN)
async def list_accounts(application: App) -> Response:
    """By name."""
    return Json([account_json(account) for account in await application.registers().accounts()], headers={"Cache-Control": "no-store"})


@router.post(
    "/accounts/",
    status_code=201,
    summary="Make an account",
    operation_id="create_account",
    responses=answers(201, AccountShape, examples.ACCOUNT, problems=(409, 413, 422, 503), words="Made; they may sign in"),
    openapi_extra=takes(AccountBody, examples.NEW_ACCOUNT),
)
@requires(ADMIN)
async def create_account(raw: JsonBody, application: App, who: Acting) -> Json:
    """A password has 12 characters or more. 409 when the name is taken."""
    body = shaped(AccountBody, raw)
    return Json(account_json(await application.create_account()(body.name, body.role, body.password, who)), 201)


@router.patch(
    "/accounts/{name}",
    summary="Change an account",
    operation_id="change_account",
    responses=answers(200, AccountShape, examples.ACCOUNT, problems=(404, 409, 413, 422, 503), words="Changed; its sessions have ended"),
    openapi_extra=takes(AccountChangeBody, examples.ACCOUNT_CHANGE),
)
@requires(ADMIN)
async def change_account(name: str, raw: JsonBody, application: App, who: Acting) -> Json:
    """Another role, another password, shut or open. 409 for the last admin."""
    body = shaped(AccountChangeBody, raw)
    change = Change(body.role, body.disabled, body.password)
    return Json(account_json(await application.change_account()(name, change, who)))
