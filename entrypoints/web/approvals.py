"""A person's answer to an approval, as every page that asks for one takes it."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request

from application.queries.views import RunView, StageRunView
from domain.controls import Decision
from domain.errors import InvalidInput
from entrypoints.http.auth.caller import person_of
from entrypoints.web.forms import typed_of
from entrypoints.web.view_models.forms import Field, blame, fields_of_schema, values_of_schema

LONGEST_COMMENT = 2_000
ANSWERS = ("approve", "reject")


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """The form as it is shown: what was typed so far, and the sentences about what is wrong with no field in particular."""

    fields: Sequence[Field]
    comment: str = ""
    problems: Sequence[str] = ()


def unanswered(stage: StageRunView | None) -> AnswerForm:
    return AnswerForm(fields_of_schema(stage.fields if stage else None))


async def answer(request: Request, run: RunView, stage: StageRunView) -> AnswerForm | None:
    """Decide as the posted form says; the form again when it cannot be taken so. Conflict and NotAllowed when nobody, or not this person,
    may decide any more; InvalidInput for a form that says neither yes nor no."""
    form = await typed_of(request)
    if form.get("decision") not in ANSWERS:
        raise InvalidInput.of("decision", "is approve or reject")
    approves = form["decision"] == "approve"
    comment = form.get("comment", "").replace("\0", "").strip()[:LONGEST_COMMENT]
    fields = fields_of_schema(stage.fields, form)
    values = values_of_schema(fields, stage.fields) if approves else {}
    if approves and any(field.error for field in fields):
        return AnswerForm(fields, comment)
    decision = Decision(approves, comment or None, values or None)
    try:
        await request.app.state.application.decide_approval()(run.id, stage.name, decision, person_of(request))
    except InvalidInput as error:
        return AnswerForm(fields, comment, blame(fields, error.problems, "fields"))
    return None
