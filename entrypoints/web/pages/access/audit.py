"""The audit log."""

from fastapi import APIRouter, Depends, Request, Response

from domain.access.audit import AuditAction
from entrypoints.http.auth.permissions import ADMIN, requires
from entrypoints.web.lookups import get_application
from entrypoints.web.page_context import load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.access.audit import build_audit_item

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
ENTRIES_PER_PAGE = 100


@router.get("/ui/audit")
@requires(ADMIN)
async def list_audit_entries(request: Request, before: int = 0, deed: str = "", who: str = "") -> Response:
    """Show the newest entries with an id below `before`, optionally of one action (`deed`) and one actor (`who`)."""
    action = AuditAction(deed) if deed in set(AuditAction) else None
    actor = who.strip()[:200].replace("\0", "")
    below = before if 0 < before < 2**63 else None
    entries = await get_application(request).access_queries().list_audit_entries(ENTRIES_PER_PAGE + 1, below, action, actor or None)
    items = [build_audit_item(entry) for entry in entries[:ENTRIES_PER_PAGE]]
    return render_page(
        request,
        "audit.html",
        section="system",
        css=("access.css",),
        entries=items,
        next_before=items[-1].id if len(entries) > ENTRIES_PER_PAGE else 0,
        action=action or "",
        actor=actor,
        actions=list(AuditAction),
    )
