"""Load what the editor of definitions shows, and read what it posts."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastapi import Request
from markupsafe import escape

from domain.errors import FieldProblem, InvalidInput
from entrypoints.definitions.schema.document import SCHEMA_PATH, format_modeline
from entrypoints.definitions.yaml_reader import InvalidDefinitionText, parse_definition
from entrypoints.web.deployment_choices import DeploymentChoice
from entrypoints.web.form_data import parse_form
from entrypoints.web.lookups import get_origin
from entrypoints.web.page_context import PageContext
from entrypoints.web.view_models.editor.check import EditorCheck, build_check
from entrypoints.web.view_models.editor.form import EditorForm
from entrypoints.web.view_models.schedules.next_times import SHOWN

MAX_EDITED = 800_000
"""Characters of a definition that can be edited on a page, as HTML."""
MAX_CHECKED = 200_000
"""Characters of a definition that is checked when its page is opened. A longer one is checked when it is changed."""
MIN_ROWS, MAX_ROWS = 18, 32


async def read_form(request: Request) -> EditorForm:
    """Return the posted form, before its fields are written into the text."""
    return EditorForm.parse(await parse_form(request))


async def read_and_write_form(request: Request) -> EditorForm:
    """Return the posted form, with what was entered in its fields written into the text."""
    form = await read_form(request)
    return await asyncio.to_thread(form.write)


async def read_and_write_text_fields(request: Request) -> EditorForm:
    """Return the posted form, with its name and description written into the text, but no stage."""
    form = await read_form(request)
    return await asyncio.to_thread(form.write_text_fields)


async def check_text(
    context: PageContext, text: str, pipeline_id: int | None, problems: Sequence[FieldProblem] | None = None
) -> EditorCheck:
    """Return the check of a text. `problems` are those that are known, for example because it could not be stored."""
    raw: Mapping[str, Any] = {}
    preview = None
    try:
        raw = await asyncio.to_thread(parse_definition, text)
        preview = await context.preview_definition(raw, SHOWN, pipeline_id) if not problems else None
    except InvalidDefinitionText as error:
        problems = problems or [error.problem]
    except InvalidInput as error:
        problems = error.problems
    return await asyncio.to_thread(build_check, text, raw, preview, problems or (), context.explain_cron)


def build_editor_values(
    request: Request, path: str, form: EditorForm, check: EditorCheck | None, deployments: Sequence[DeploymentChoice]
) -> dict[str, Any]:
    """Return what the editor's template needs. `path` is the page's. A text that is too long for a page is left out."""
    fits = len(escape(form.text)) <= MAX_EDITED
    return {
        "editor_path": path,
        "form": replace(form, stage=form.stage.with_choices(check.stage_names if check else ())),
        "fits": fits,
        "check": check,
        "is_unsaved": request.method == "POST",
        "modeline": format_modeline(get_origin(request) + SCHEMA_PATH),
        "deployments": deployments,
        "rows": min(MAX_ROWS, max(MIN_ROWS, form.text.count("\n") + 3)),
    }
