"""`headgate why`: show why the runs of a day happened or not."""

import sys
from urllib.parse import quote

from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.output import print_json
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.cli.screens.tables import print_table


async def show_why(url: str, name: str, day: str, as_json: bool) -> int:
    """Print a whole sentence for each group of ticks of the day. Return 2 if there is no such pipeline; a refusal raises ApiError."""
    async with HeadgateClient(url) as client:
        pipeline = await client.find_pipeline(name)
        if pipeline is None:
            print(sanitize(f"headgate: there is no pipeline {name} at {url}"), file=sys.stderr)
            return 2
        found = await client.get(f"/pipelines/{quote(str(pipeline['id']), safe='')}/why", day=day)
    if as_json:
        print_json(found)
        return 0
    print(sanitize(f"{found['pipeline']} on {found['day']}"))
    print_table([[sanitize(entry["schedule"]), sanitize(entry["sentence"])] for entry in found["entries"]], wide=True)
    return 0
