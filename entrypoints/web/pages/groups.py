"""The list of concurrency groups, one group, and the form that sets its limit."""

from fastapi import APIRouter, Depends, Request, Response

from application.queries.views.groups import GroupDetailView
from domain.concurrency.parsing import MAX_LIMIT
from domain.errors import InvalidInput
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import ADMIN, READ, requires
from entrypoints.http.base_path import redirect
from entrypoints.http.ids import parse_id
from entrypoints.web.form_data import get_text, parse_form
from entrypoints.web.live.groups import MAX_GROUPS, LiveGroupList, LiveGroupPage
from entrypoints.web.lookups import get_application
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.text_output import text_response, wants_text
from entrypoints.web.text_pages import format_group, format_groups
from entrypoints.web.view_models.forms import format_problems
from entrypoints.web.view_models.groups import build_group_item, build_group_page

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
CSS = ("groups.css",)


@router.get("/ui/groups/")
@requires(READ)
async def list_groups(request: Request) -> Response:
    """Show all groups with their slots."""
    live = LiveGroupList(get_page_context(request))
    groups = await live.load()
    if wants_text(request):
        return text_response(format_groups([build_group_item(group) for group in groups[:MAX_GROUPS]]))
    return render_page(request, "groups.html", section="system", css=CSS, rendered=live.render_groups(groups))


@router.get("/ui/groups/{name}")
@requires(READ)
async def show_group(request: Request, name: str) -> Response:
    """Show the group's slots, their holders, the queue and the pipelines that use it."""
    live = LiveGroupPage(get_page_context(request), name)
    detail = await live.load()
    if wants_text(request):
        return text_response(format_group(build_group_page(detail)))
    return _render_group(request, live, detail, None, [], 200)


@router.post("/ui/groups/{name}")
@requires(ADMIN)
async def set_group_limit(request: Request, name: str) -> Response:
    """Set the group's limit, or give it back to the definitions; or show the form again with its errors."""
    form = await parse_form(request)
    text = get_text(form, "limit")
    limit = None if "reset" in form else parse_id(text) or 0
    try:
        if limit is not None and not 1 <= limit <= MAX_LIMIT:
            raise InvalidInput.for_field("limit", f"must be a number from 1 to {MAX_LIMIT:,}")
        await get_application(request).set_group_limit()(name, limit, get_actor(request))
    except InvalidInput as error:
        live = LiveGroupPage(get_page_context(request), name)
        return _render_group(request, live, await live.load(), text, format_problems(error.problems), 422)
    return redirect(f"/ui/groups/{name}")


def _render_group(
    request: Request, live: LiveGroupPage, detail: GroupDetailView, text: str | None, problems: list[str], status: int
) -> Response:
    group = detail.group
    return render_page(
        request,
        "group.html",
        status,
        section="system",
        css=CSS,
        name=group.name,
        rendered=live.render_group(detail),
        is_set=group.set_by is not None,
        limit_text=text if text is not None else "" if group.limit is None else str(group.limit),
        max_limit=MAX_LIMIT,
        problems=problems,
    )
