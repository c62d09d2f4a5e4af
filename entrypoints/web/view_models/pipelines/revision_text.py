"""The text of a revision."""

from application.queries.views.pipelines import RevisionWithSource
from entrypoints.definitions.definition_text import format_definition


def get_revision_text(revision: RevisionWithSource) -> str:
    """Return a revision's text as its author wrote it, or its definition as YAML if the author sent values."""
    return revision.source if revision.source is not None else format_definition(revision.definition)
