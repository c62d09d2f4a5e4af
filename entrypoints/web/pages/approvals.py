"""A person's answer to an approval, as every page that asks for one takes it."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request

from application.queries.views.runs import RunView, StageRunView
from domain.errors import InvalidInput
from domain.runs.approvals import Decision
from entrypoints.http.auth.caller import get_actor
from entrypoints.web.pages.trigger import parse_flat_form
from entrypoints.web.view_models.forms import FormField, assign_errors, build_form_fields_from_schema, parse_form_values_from_schema

LONGEST_COMMENT = 2_000
DECISIONS = ("approve", "reject")


@dataclass(frozen=True, slots=True)
class ApprovalForm:
    """The form as it is shown: what was typed so far, and the sentences about what is wrong with no field in particular."""

    fields: Sequence[FormField]
    comment: str = ""
    problems: Sequence[str] = ()


def build_approval_form(stage: StageRunView | None) -> ApprovalForm:
    return ApprovalForm(build_form_fields_from_schema(stage.fields if stage else None))


async def answer(request: Request, run: RunView, stage: StageRunView) -> ApprovalForm | None:
    """Decide as the posted form says; the form again when it cannot be taken so. Conflict and NotAllowed when nobody, or not this person,
    may decide any more; InvalidInput for a form that says neither yes nor no."""
    form = await parse_flat_form(request)
    if form.get("decision") not in DECISIONS:
        raise InvalidInput.for_field("decision", "is approve or reject")
    approves = form["decision"] == "approve"
    comment = form.get("comment", "").replace("\0", "").strip()[:LONGEST_COMMENT]
    fields = build_form_fields_from_schema(stage.fields, form)
    values = parse_form_values_from_schema(fields, stage.fields) if approves else {}
    if approves and any(field.error for field in fields):
        return ApprovalForm(fields, comment)
    decision = Decision(approves, comment or None, values or None)
    try:
        await request.app.state.application.decide_approval()(run.id, stage.name, decision, get_actor(request))
    except InvalidInput as error:
        return ApprovalForm(fields, comment, assign_errors(fields, error.problems, "fields"))
    return None
