"""Tokens of programs."""

from application.commands.access.create_token import NewToken
from domain.access.api_tokens import TokenKind
from domain.errors import NotFound
from entrypoints.api.access.models import CreatedTokenResponse, CreateTokenRequest, TokenResponse
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.routing import ApiRoute, create_router
from entrypoints.http.auth.permissions import ADMIN, requires
from entrypoints.http.ids import parse_id

router = create_router("access", route_class=ApiRoute)


@router.get("/tokens/", summary="List tokens", responses=problems(503))
@requires(ADMIN)
async def list_tokens(application: ApplicationDep) -> list[TokenResponse]:
    """Return the tokens, newest first, revoked ones included. A token's text is returned only when it is created.

    Worker tokens have the `workers` that have used them.
    """
    queries = application.access_queries()
    tokens = await queries.list_tokens()
    workers = await queries.list_token_workers(tokens)
    return [TokenResponse.with_workers(token, workers[token.id]) for token in tokens]


@router.post(
    "/tokens/",
    status_code=201,
    summary="Create a token",
    response_description="Created; `token` is returned only now",
    responses=problems(413, 422, 503),
)
@requires(ADMIN)
async def create_token(body: CreateTokenRequest, application: ApplicationDep, actor: ActorDep) -> CreatedTokenResponse:
    """Create a token. A token of kind `reporter` has the scope `report` and is limited to one pipeline.

    One of kind `worker` has no scopes and is valid for worker processes only; no other active worker token may have its name.
    """
    new = NewToken(body.name, TokenKind(body.kind), body.scopes, body.pipeline, body.expires_at)
    return CreatedTokenResponse.from_view(await application.create_token()(new, actor))


@router.delete(
    "/tokens/{token_id}",
    summary="Revoke a token",
    response_description="Revoked; the token is no longer valid",
    responses=problems(404, 422, 503),
)
@requires(ADMIN)
async def revoke_token(token_id: str, application: ApplicationDep, actor: ActorDep) -> TokenResponse:
    """Revoke a token. It stays in the list. Revoking it again changes nothing. The `workers` of a worker token that are online stop."""
    number = parse_id(token_id)
    if number is None:
        raise NotFound("token", token_id)
    token = await application.revoke_token()(number, actor)
    workers = await application.access_queries().list_token_workers([token])
    return TokenResponse.with_workers(token, workers[token.id])
