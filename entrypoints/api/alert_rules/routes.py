"""Site-wide alert rules."""

from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from application.ports.queries.reader import Reader
from application.queries.views.alerts import AlertRuleView
from domain.errors import NotFound
from entrypoints.api.alert_rules.models import AlertRuleResponse, ChangeAlertRuleRequest, NewAlertRuleRequest
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep, ReaderDep
from entrypoints.api.shared.idempotency import IdempotencyKeyDep, mark_replayed
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.routing import create_router
from entrypoints.http.auth.permissions import ADMIN, READ, requires
from entrypoints.http.base_path import link

router = create_router("alert rules")
RulePath = Annotated[str, Path(max_length=100, description="The rule's name.")]


@router.get("/alert-rules/", summary="List site-wide alert rules", responses=problems(503))
@requires(READ)
async def list_alert_rules(reader: ReaderDep) -> list[AlertRuleResponse]:
    """Return the rules for all pipelines, or for those with a tag, by name. The rules of one pipeline are in its definition (`alerts`)."""
    return [AlertRuleResponse.from_view(view) for view in await reader.alert_rules()]


@router.post(
    "/alert-rules/",
    status_code=201,
    summary="Create a site-wide alert rule",
    response_description="Created; it applies to runs that end from now on",
    responses=problems(403, 409, 413, 422, 503),
)
@requires(ADMIN)
async def create_alert_rule(
    body: NewAlertRuleRequest, application: ApplicationDep, reader: ReaderDep, actor: ActorDep, key: IdempotencyKeyDep, response: Response
) -> AlertRuleResponse:
    """Store a rule for all pipelines, or for those with one of its `tags`. Its other keys are those of `alerts` in a definition. 409 if the
    name is taken."""
    created = await application.create_alert_rule()(body.root, actor, key)
    mark_replayed(response, created.replayed)
    response.headers["Location"] = link(f"/alert-rules/{created.name}")
    return AlertRuleResponse.from_view(await _find(reader, created.name))


@router.get("/alert-rules/{name}", summary="Get a site-wide alert rule", responses=problems(404, 422, 503))
@requires(READ)
async def get_alert_rule(name: RulePath, reader: ReaderDep) -> AlertRuleResponse:
    """Return a rule with every default."""
    return AlertRuleResponse.from_view(await _find(reader, name))


@router.put("/alert-rules/{name}", summary="Change a site-wide alert rule", responses=problems(403, 404, 413, 422, 503))
@requires(ADMIN)
async def change_alert_rule(
    name: RulePath, body: ChangeAlertRuleRequest, application: ApplicationDep, reader: ReaderDep, actor: ActorDep
) -> AlertRuleResponse:
    """Replace a rule. Omitted keys get their defaults; the name does not change."""
    await application.change_alert_rule()(name, body.root, actor)
    return AlertRuleResponse.from_view(await _find(reader, name))


@router.delete("/alert-rules/{name}", status_code=204, summary="Delete a site-wide alert rule", responses=problems(403, 404, 422, 503))
@requires(ADMIN)
async def delete_alert_rule(name: RulePath, application: ApplicationDep, actor: ActorDep) -> None:
    """Delete a rule. Its unresolved incidents are resolved without a message."""
    await application.delete_alert_rule()(name, actor)


async def _find(reader: Reader, name: str) -> AlertRuleView:
    found = await reader.alert_rule(name)
    if found is None:
        raise NotFound("alert rule", name)
    return found
