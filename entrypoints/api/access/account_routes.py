"""People's accounts."""

from fastapi import APIRouter
from starlette.responses import Response

from application.commands.access.change_account import AccountChange
from entrypoints.api.access import examples as examples
from entrypoints.api.access.models import AccountResponse, ChangeAccountRequest, CreateAccountRequest, account_json
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep, JsonBody, validate
from entrypoints.api.shared.openapi import answers, request_body
from entrypoints.http.auth.permissions import ADMIN, requires
from entrypoints.http.json_response import JsonResponse

router = APIRouter(tags=["access"])


@router.get(
    "/accounts/",
    summary="Accounts",
    operation_id="list_accounts",
    responses=answers(200, list[AccountResponse], [examples.ACCOUNT], problems=(503,)),
)
@requires(ADMIN)
async def list_accounts(application: ApplicationDep) -> Response:
    """By name."""
    return JsonResponse(
        [account_json(account) for account in await application.access_queries().list_accounts()], headers={"Cache-Control": "no-store"}
    )


@router.post(
    "/accounts/",
    status_code=201,
    summary="Make an account",
    operation_id="create_account",
    responses=answers(201, AccountResponse, examples.ACCOUNT, problems=(409, 413, 422, 503), words="Made; they may sign in"),
    openapi_extra=request_body(CreateAccountRequest, examples.NEW_ACCOUNT),
)
@requires(ADMIN)
async def create_account(raw: JsonBody, application: ApplicationDep, who: ActorDep) -> JsonResponse:
    """A password has 12 characters or more. 409 when the name is taken."""
    body = validate(CreateAccountRequest, raw)
    return JsonResponse(account_json(await application.create_account()(body.name, body.role, body.password, who)), 201)


@router.patch(
    "/accounts/{name}",
    summary="Change an account",
    operation_id="change_account",
    responses=answers(200, AccountResponse, examples.ACCOUNT, problems=(404, 409, 413, 422, 503), words="Changed; its sessions have ended"),
    openapi_extra=request_body(ChangeAccountRequest, examples.ACCOUNT_CHANGE),
)
@requires(ADMIN)
async def change_account(name: str, raw: JsonBody, application: ApplicationDep, who: ActorDep) -> JsonResponse:
    """Another role, another password, shut or open. 409 for the last admin."""
    body = validate(ChangeAccountRequest, raw)
    change = AccountChange(body.role, body.disabled, body.password)
    return JsonResponse(account_json(await application.change_account()(name, change, who)))
