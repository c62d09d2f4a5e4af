"""What a person does to a run from a terminal: take it up again, repeat it, skip, end or decide a stage; and what waits for somebody."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from entrypoints.cli.actions.parameters import InvalidParameter, parse_parameters
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.commands.pipelines import print_error, print_json
from entrypoints.cli.screens.formatting import sanitize


async def post_run_action(url: str, path: str, body: Mapping[str, Any], as_json: bool = False) -> int:
    """Post the act and say what became of the run. Exit code 0; what Headgate refuses is raised."""
    async with HeadgateClient(url) as client:
        done = await client.post(path, dict(body))
    if as_json:
        print_json(done)
    else:
        about = f" ({', '.join(done['stages'])})" if done.get("stages") else ""
        already = "" if done.get("applied", True) else ", as it was already"
        print(sanitize(f"run {done['run_id']} #{done['number']} {done['status']}{about}{already}  {url}/ui/runs/{done['run_id']}"))
    return 0


def run_action_path(run: int, verb: str) -> str:
    return f"/runs/{run}/{verb}"


def stage_action_path(run: int, stage: str, verb: str) -> str:
    return f"/runs/{run}/stages/{quote(stage, safe='')}/{verb}"


async def again(url: str, run: int, params: Sequence[str], params_file: Path | None, as_json: bool) -> int:
    """The earlier run's parameters, with those given over them. 2 for a parameter that is none."""
    async with HeadgateClient(url) as client:
        earlier = await client.get(f"/runs/{run}")
        pipeline = await client.pipeline(str(earlier["pipeline_id"]))
    try:
        given = parse_parameters(params, params_file, (pipeline or {}).get("parameters"))
    except InvalidParameter as error:
        print_error(error)
        return 2
    body = {"parameters": {**earlier["parameters"], **given}} if given else {}
    return await post_run_action(url, run_action_path(run, "again"), body, as_json)


async def approve(url: str, run: int, stage: str, comment: str | None, fields: Sequence[str], as_json: bool) -> int:
    """`fields` are NAME=VALUE, typed by JSON. 2 for one that is none."""
    try:
        values = parse_parameters(fields, None, None)
    except InvalidParameter as error:
        print_error(InvalidParameter(str(error).replace("--param", "--field")))
        return 2
    body = {"comment": comment} | ({"fields": values} if values else {})
    return await post_run_action(url, stage_action_path(run, stage, "approve"), body, as_json)


async def show_waiting(url: str, as_json: bool) -> int:
    """A line a stage that waits for a person or a machine, the oldest run first."""
    async with HeadgateClient(url) as client:
        waiting = await client.get("/waiting/")
    if as_json:
        print_json(waiting)
    elif not waiting:
        print("Nothing waits for anybody.")
    for each in [] if as_json else waiting:
        what = "approval" if each["reason"] == "approval" else "a report"
        by = f" by {', '.join(each['approvers'])}" if each["approvers"] else ""
        asked = f"  {each['message']}" if each["message"] else ""
        print(sanitize(f"{each['pipeline']} #{each['number']}  {each['stage']}  waits for {what}{by} until {each['deadline']}{asked}"))
    return 0
