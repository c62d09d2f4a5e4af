"""Change the name in the text of a definition, with everything else kept as it is written."""

from typing import Any

from application.queries.views.pipelines import RevisionWithSource
from domain.pipelines.serialization import serialize_pipeline
from entrypoints.definitions.text_edits import UneditableText, set_text
from entrypoints.definitions.yaml_reader import InvalidDefinitionText


def copy_revision(revision: RevisionWithSource, name: str) -> tuple[dict[str, Any], str | None]:
    """Return the definition of a revision under another name, and its text; None for a text that it lacks or that cannot be renamed."""
    text = rename_definition(revision.source, name) if revision.source is not None else None
    return serialize_pipeline(revision.definition) | {"name": name}, text


def rename_definition(text: str, name: str) -> str | None:
    """Return the text with another name of the pipeline; comments and layout stay.

    None if the name cannot be replaced in place, for example because it is written as an anchor to which other values refer.
    """
    try:
        return set_text(text, "name", name)
    except (UneditableText, InvalidDefinitionText):
        return None
