"""Programs' tokens: made, listed without what makes them one, revoked."""

from fastapi import APIRouter
from starlette.responses import Response

from application.commands.access.create_token import NewToken
from domain.access.api_tokens import TokenKind
from domain.errors import NotFound
from entrypoints.api.access import examples as examples
from entrypoints.api.access.models import CreatedTokenResponse, CreateTokenRequest, TokenResponse, token_json
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep, JsonBody, validate
from entrypoints.api.shared.openapi import answers, request_body
from entrypoints.http.auth.permissions import ADMIN, requires
from entrypoints.http.ids import parse_id
from entrypoints.http.json_response import JsonResponse

router = APIRouter(tags=["access"])


@router.get(
    "/tokens/", summary="Tokens", operation_id="list_tokens", responses=answers(200, list[TokenResponse], [examples.TOKEN], problems=(503,))
)
@requires(ADMIN)
async def list_tokens(application: ApplicationDep) -> Response:
    """Newest first, revoked ones too. The token itself is shown once, when it is made."""
    return JsonResponse(
        [token_json(token) for token in await application.access_queries().list_tokens()], headers={"Cache-Control": "no-store"}
    )


@router.post(
    "/tokens/",
    status_code=201,
    summary="Make a token",
    operation_id="create_token",
    responses=answers(
        201, CreatedTokenResponse, examples.CREATED_TOKEN, problems=(413, 422, 503), words="Made; `token` is shown this once"
    ),
    openapi_extra=request_body(CreateTokenRequest, examples.NEW_TOKEN),
)
@requires(ADMIN)
async def create_token(raw: JsonBody, application: ApplicationDep, who: ActorDep) -> JsonResponse:
    """A reporter's token has the scope `report` and one pipeline, and is of kind `reporter`."""
    body = validate(CreateTokenRequest, raw)
    new = NewToken(body.name, TokenKind(body.kind), body.scopes, body.pipeline, body.expires_at)
    made = await application.create_token()(new, who)
    return JsonResponse({**token_json(made.token), "token": made.text}, 201, {"Cache-Control": "no-store"})


@router.delete(
    "/tokens/{token_id}",
    summary="Revoke a token",
    operation_id="revoke_token",
    responses=answers(200, TokenResponse, examples.TOKEN, problems=(404, 422, 503), words="It is good for nothing any more"),
)
@requires(ADMIN)
async def revoke_token(token_id: str, application: ApplicationDep, who: ActorDep) -> JsonResponse:
    """It stays in the list. Revoking twice is revoking once."""
    number = parse_id(token_id)
    if number is None:
        raise NotFound("token", token_id)
    return JsonResponse(token_json(await application.revoke_token()(number, who)))
