"""The list of revisions says who stored each, and which revision it repeats."""

from application.queries.views.pipelines import RevisionView
from entrypoints.web.view_models.pipelines.revisions import build_revision_items
from tests.fakes.system.clock import START
from tests.support.builders import a_definition


def test_an_item_names_the_author_and_the_restored_revision() -> None:
    definition = a_definition("nightly", ["a"])
    revisions = [RevisionView(2, definition, START, "ada", 1), RevisionView(1, definition, START)]

    items = build_revision_items(revisions)

    assert [(item.number, item.author, item.restored_from, item.summary) for item in items] == [
        (2, "ada", 1, "No functional change"),
        (1, None, None, "Created"),
    ]
