"""Accounts of people."""

from application.commands.access.change_account import AccountChange
from entrypoints.api.access.models import AccountResponse, ChangeAccountRequest, CreateAccountRequest
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.routing import ApiRoute, create_router
from entrypoints.http.auth.permissions import ADMIN, requires

router = create_router("access", route_class=ApiRoute)


@router.get("/accounts/", summary="List accounts", responses=problems(503))
@requires(ADMIN)
async def list_accounts(application: ApplicationDep) -> list[AccountResponse]:
    """Return the accounts by name."""
    return [AccountResponse.from_view(account) for account in await application.access_queries().list_accounts()]


@router.post(
    "/accounts/",
    status_code=201,
    summary="Create an account",
    response_description="Created; the user can sign in",
    responses=problems(409, 413, 422, 503),
)
@requires(ADMIN)
async def create_account(body: CreateAccountRequest, application: ApplicationDep, actor: ActorDep) -> AccountResponse:
    """Create an account. A password has 12 characters or more. 409 if the name is taken."""
    return AccountResponse.from_view(await application.create_account()(body.name, body.role, body.password, actor))


@router.patch(
    "/accounts/{name}",
    summary="Change an account",
    response_description="Changed; its sessions have ended",
    responses=problems(404, 409, 413, 422, 503),
)
@requires(ADMIN)
async def change_account(name: str, body: ChangeAccountRequest, application: ApplicationDep, actor: ActorDep) -> AccountResponse:
    """Change an account's role or password, disable or enable it. 409 for the last admin."""
    change = AccountChange(body.role, body.disabled, body.password)
    return AccountResponse.from_view(await application.change_account()(name, change, actor))
