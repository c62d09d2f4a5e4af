"""`headgate get`: print a pipeline's definition, or a run, as YAML or JSON."""

import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import yaml

from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.output import print_json


async def show_definition(url: str, name: str, revision: int | None, as_json: bool) -> int:
    """Print the text that the author of the revision wrote; with `as_json`, the pipeline, or the given revision, as the API has it."""
    path = f"/pipelines/{quote(name, safe='')}"
    async with HeadgateClient(url) as client:
        if as_json:
            print_json(await client.get(path if revision is None else f"{path}/revisions/{revision}"))
            return 0
        number = revision if revision is not None else (await client.get(path))["revision"]
        text = await client.get_text(f"{path}/revisions/{number}/source")
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    return 0


async def show_run(url: str, run: str, as_json: bool) -> int:
    """Print the run with its stages."""
    async with HeadgateClient(url) as client:
        found, stages = await client.get_run(run)
    shown: Mapping[str, Any] = {**found, "stages": stages}
    if as_json:
        print_json(shown)
    else:
        yaml.safe_dump(shown, sys.stdout, sort_keys=False, allow_unicode=True)
    return 0
