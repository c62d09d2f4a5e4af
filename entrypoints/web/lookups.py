"""What an address names, or 404."""

from fastapi import Request

from application.ports.persistence import PipelineRef
from application.queries.views import PipelineView, RunView
from domain.errors import NotFound
from entrypoints.web.site import Site


async def pipeline_or_404(site: Site, ref: str) -> PipelineView:
    key: PipelineRef = int(ref) if ref.isascii() and ref.isdigit() and len(ref) < 19 else ref
    found = await site.reader.pipeline(key) if "\0" not in ref else None
    if found is None:
        raise NotFound("pipeline", ref)
    return found


async def run_or_404(site: Site, run_id: str) -> RunView:
    found = await site.reader.run(int(run_id)) if run_id.isascii() and run_id.isdigit() and len(run_id) < 19 else None
    if found is None:
        raise NotFound("run", run_id)
    return found


def origin_of(request: Request) -> str:
    return str(request.base_url).rstrip("/")
