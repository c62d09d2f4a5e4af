"""Act on a run: retry, repeat or cancel it; skip, cancel, approve or reject one of its stages."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from domain.errors import FieldProblem, InvalidInput
from domain.name_lists import format_names
from entrypoints.cli.actions.parameters import InvalidParameter, parse_parameters
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.output import print_error, print_json
from entrypoints.cli.screens.sanitizer import sanitize


async def retry_run(url: str, run: str, stages: Sequence[str] | None, newest_revision: bool, as_json: bool) -> int:
    """Run the failed stages again, or only the named ones."""
    body: dict[str, Any] = {"revision": "newest" if newest_revision else "same"} | ({"stages": list(stages)} if stages else {})
    return await _post_action(url, f"{_build_path(run)}/retry", body, as_json)


async def cancel_run(url: str, run: str, stage: str | None, message: str | None, as_json: bool) -> int:
    """Cancel the run, or only the named stage."""
    if stage is not None:
        return await post_stage_action(url, run, stage, "cancel", {"message": message}, as_json)
    return await _post_action(url, f"{_build_path(run)}/cancel", {"message": message}, as_json)


async def start_over_limit(url: str, run: str, stage: str | None, as_json: bool) -> int:
    """Start what of the run waits for a slot, or only the named stage, although a limit is reached."""
    return await _post_action(url, f"{_build_path(run)}/start-over-limit", {"stage": stage} if stage is not None else {}, as_json)


async def repeat_run(url: str, run: str, params: Sequence[str], params_file: Path | None, as_json: bool) -> int:
    """Queue a new run with the earlier run's parameters, overridden by those given. Return 2 for an invalid parameter."""
    async with HeadgateClient(url) as client:
        earlier = await client.get(_build_path(run))
        pipeline = await client.find_pipeline(str(earlier["pipeline_id"]))
    try:
        overrides = parse_parameters(params, params_file, (pipeline or {}).get("parameters"))
    except (InvalidParameter, InvalidInput) as error:
        print_error(error)
        return 2
    body = {"parameters": {**earlier["parameters"], **overrides}} if overrides else {}
    return await _post_action(url, f"{_build_path(run)}/again", body, as_json)


async def approve_stage(url: str, run: str, stage: str, comment: str | None, fields: Sequence[str], as_json: bool) -> int:
    """Approve the stage with NAME=VALUE fields, parsed as JSON. Return 2 for an invalid field."""
    try:
        values = parse_parameters(fields, None, await _load_fields_schema(url, run, stage) if fields else None)
    except InvalidParameter as error:
        problems = [FieldProblem(problem.field.replace("parameters", "fields", 1), problem.message) for problem in error.problems]
        print_error(InvalidParameter(str(error).replace("--param", "--field"), problems))
        return 2
    except InvalidInput as error:
        print_error(error)
        return 2
    body = {"comment": comment} | ({"fields": values} if values else {})
    return await post_stage_action(url, run, stage, "approve", body, as_json)


async def _load_fields_schema(url: str, run: str, stage: str) -> Mapping[str, Any] | None:
    """Return the schema of the stage's fields in the pipeline's newest revision. The server checks the fields against the run's."""
    async with HeadgateClient(url) as client:
        found = await client.get(_build_path(run))
        pipeline = await client.find_pipeline(str(found.get("pipeline_id"))) or {}
    return next((each.get("fields") for each in pipeline.get("stages", ()) if each["name"] == stage), None)


async def post_stage_action(url: str, run: str, stage: str, action: str, body: Mapping[str, Any], as_json: bool) -> int:
    return await _post_action(url, f"{_build_path(run)}/stages/{quote(stage, safe='')}/{action}", body, as_json)


def _build_path(run: str) -> str:
    return f"/runs/{quote(run, safe='')}"


async def _post_action(url: str, path: str, body: Mapping[str, Any], as_json: bool) -> int:
    """Post the action and print the run's new state. Return 0; a refusal raises ApiError."""
    async with HeadgateClient(url) as client:
        result = await client.post(path, dict(body))
    if as_json:
        print_json(result)
    else:
        stages = f" ({format_names(result['stages'])})" if result.get("stages") else ""
        unchanged = "" if result.get("applied", True) else ", unchanged"
        print(sanitize(f"{result['pipeline']}#{result['number']} {result['status']}{stages}{unchanged}  {url}/ui/runs/{result['run_id']}"))
    return 0
