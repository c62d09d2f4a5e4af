"""Create and change pipelines by their definitions, in JSON or YAML."""

from dataclasses import asdict

from starlette.responses import Response

from entrypoints.api.pipelines.definition_body import YAML_BODY, DefinitionRoute, SourceDep
from entrypoints.api.pipelines.dependencies import PipelineRefDep
from entrypoints.api.pipelines.file_dependencies import DefinitionFileDep, DryRunDep
from entrypoints.api.pipelines.models import PipelineDefinitionRequest, PipelineResponse
from entrypoints.api.pipelines.stored_pipeline import respond_with_created, respond_with_pipeline
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep, ReaderDep
from entrypoints.api.shared.etags import IfMatch, parse_expected_revisions
from entrypoints.api.shared.idempotency import IdempotencyKeyDep
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.routing import create_router
from entrypoints.http.auth.permissions import DEFINE, ResourceScope, requires

router = create_router("pipelines", route_class=DefinitionRoute)


@router.post(
    "/pipelines/",
    status_code=201,
    summary="Create a pipeline",
    response_description="Created, as revision 1",
    response_model_exclude_unset=True,
    responses=problems(403, 409, 413, 422, 503),
    openapi_extra=YAML_BODY,
)
@requires(DEFINE)
async def create_pipeline(
    definition: PipelineDefinitionRequest,
    source: SourceDep,
    application: ApplicationDep,
    actor: ActorDep,
    key: IdempotencyKeyDep,
    file: DefinitionFileDep,
    dry_run: DryRunDep,
    response: Response,
) -> PipelineResponse:
    """Store a new pipeline. If fields are invalid, the error names each of them and nothing is stored. 409 if the name is taken.
    The text of a YAML body is stored with its comments, for the editor and `GET /pipelines/{pipeline_id}/revisions/{number}/source`.
    Deployments that Prefect does not have are invalid; while it does not respond, they are stored unchecked, and `warnings` says so."""
    create = application.create_pipeline()
    created = await create(definition.root, key, actor, source=source, file=file, **asdict(dry_run))
    return respond_with_created(created, response)


@router.put(
    "/pipelines/{pipeline_id}",
    summary="Change a pipeline",
    response_model_exclude_unset=True,
    responses=problems(403, 404, 409, 412, 413, 422, 503),
    openapi_extra=YAML_BODY,
)
@requires(DEFINE, ResourceScope.PIPELINE)
async def change_pipeline(
    ref: PipelineRefDep,
    definition: PipelineDefinitionRequest,
    source: SourceDep,
    reader: ReaderDep,
    application: ApplicationDep,
    actor: ActorDep,
    file: DefinitionFileDep,
    dry_run: DryRunDep,
    response: Response,
    if_match: IfMatch = None,
) -> PipelineResponse:
    """Store a new revision if the definition differs, or the text of a YAML body. Active runs keep the revision that they started with.
    With `If-Match`, 412 if a newer revision has been stored. 409 `other_source` if the pipeline is applied from another folder."""
    expected = parse_expected_revisions(if_match)
    change = application.change_pipeline()
    changed = await change(ref, definition.root, expected, actor, source=source, file=file, **asdict(dry_run))
    return await respond_with_pipeline(reader, changed, response)
