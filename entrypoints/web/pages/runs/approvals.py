"""The approval form, on the waiting page and on a stage's page."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request

from application.queries.views.runs import RunView, StageRunView
from domain.errors import InvalidInput
from domain.runs.approvals import Decision
from entrypoints.http.auth.caller import get_actor
from entrypoints.web.form_data import get_comment, get_last_values, get_text, parse_form
from entrypoints.web.lookups import get_application
from entrypoints.web.view_models.forms import assign_errors, build_form_fields_from_schema, format_problems, parse_form_values
from entrypoints.web.view_models.parameter_forms.form_field import FormField

DECISIONS = ("approve", "reject")


@dataclass(frozen=True, slots=True)
class ApprovalForm:
    """The form with the submitted values. `problems` are the errors that belong to no field."""

    fields: Sequence[FormField]
    comment: str = ""
    comment_error: str = ""
    problems: Sequence[str] = ()


def build_approval_form(stage: StageRunView | None) -> ApprovalForm:
    """Return an empty form with the stage's fields."""
    return ApprovalForm(build_form_fields_from_schema(stage.fields if stage else None))


async def submit_approval(request: Request, run: RunView, stage: StageRunView) -> ApprovalForm | None:
    """Decide as the posted form says. Return the form with its errors if they are the user's to correct.

    Raise InvalidInput if the decision is neither approve nor reject, Conflict if the stage does not wait for approval any more,
    and NotAllowed if this user is not an approver.
    """
    posted = await parse_form(request)
    form = get_last_values(posted)
    if form.get("decision") not in DECISIONS:
        raise InvalidInput.for_field("decision", "must be approve or reject")
    is_approved = form["decision"] == "approve"
    fields = build_form_fields_from_schema(stage.fields, form)
    values = parse_form_values(fields) if is_approved else {}
    try:
        comment = get_comment(posted, "comment")
    except InvalidInput as error:
        return ApprovalForm(fields, get_text(posted, "comment"), *format_problems(error.problems))
    if is_approved and any(field.error for field in fields):
        return ApprovalForm(fields, comment)
    decision = Decision(is_approved, comment or None, values or None)
    try:
        await get_application(request).decide_approval()(run.id, stage.name, decision, get_actor(request))
    except InvalidInput as error:
        return ApprovalForm(fields, comment, problems=assign_errors(fields, error.problems, "fields"))
    return None
