"""The text of a revision as its author wrote it, and its author."""

import pytest

from application.queries.views.pipelines import RevisionWithSource
from domain.access.actor import Actor
from domain.access.audit import AuditAction
from domain.errors import InvalidInput
from tests.support.builders import some_stages
from tests.support.in_process import InProcessHeadgate

TEXT = "# Loads the day.\nname: nightly\n"
ANN, BOB = Actor("ann"), Actor("bob")


def define(stages: int = 1, **keys: object) -> dict[str, object]:
    return {"name": "nightly", "stages": some_stages(stages), **keys}


async def read(headgate: InProcessHeadgate, number: int) -> RevisionWithSource:
    revision = await headgate.fakes.reader.revision(1, number)
    assert revision is not None
    return revision


async def read_details(headgate: InProcessHeadgate) -> list[dict[str, object]]:
    """Return the details of the audit entries about changes, oldest first."""
    entries = headgate.fakes.store.committed.audit.values()
    return [dict(entry.details) for entry in entries if entry.action is AuditAction.PIPELINE_CHANGED]


async def test_a_new_pipeline_keeps_its_text_and_author() -> None:
    headgate = InProcessHeadgate()

    await headgate.application.create_pipeline()(define(), None, ANN, source=TEXT)

    revision = await read(headgate, 1)
    assert (revision.source, revision.created_by, revision.restored_from) == (TEXT, "ann", None)


async def test_a_revision_keeps_its_text_and_author() -> None:
    headgate = InProcessHeadgate()
    await headgate.application.create_pipeline()(define(), None, ANN, source=TEXT)

    await headgate.application.change_pipeline()(1, define(2), [1], BOB, source=TEXT + "# two\n")

    assert [((await read(headgate, n)).source, (await read(headgate, n)).created_by) for n in (1, 2)] == [
        (TEXT, "ann"),
        (TEXT + "# two\n", "bob"),
    ]


async def test_another_text_of_the_same_definition_is_a_revision() -> None:
    headgate = InProcessHeadgate()
    await headgate.application.create_pipeline()(define(), None, ANN, source=TEXT)
    change = headgate.application.change_pipeline()

    same = await change(1, define(), None, BOB, source=TEXT.replace("\n", "\r\n"))
    without_text = await change(1, define(), None, BOB)
    other = await change(1, define(), None, BOB, source="name: nightly\n")

    assert (same.revision, without_text.revision, other.revision) == (1, 1, 2)
    assert (await read(headgate, 2)).source == "name: nightly\n"
    assert (await read(headgate, 1)).definition == (await read(headgate, 2)).definition


async def test_a_revision_without_a_text_gets_that_of_the_same_definition() -> None:
    headgate = InProcessHeadgate()
    await headgate.application.create_pipeline()(define(), None, ANN)

    stored = await headgate.application.change_pipeline()(1, define(), [1], BOB, source=TEXT)

    assert stored.revision == 1
    assert ((await read(headgate, 1)).source, (await read(headgate, 1)).created_by) == (TEXT, "ann")
    assert await read_details(headgate) == [{"revision": 1, "text_added": True}]


@pytest.mark.parametrize("written", ["\ufeffname: x\r\n# end\r\n", "name: x\r# end\r", "name: x\n# end\n"])
async def test_line_ends_and_a_byte_order_mark_are_normalized(written: str) -> None:
    headgate = InProcessHeadgate()

    await headgate.application.create_pipeline()(define(), source=written)

    assert (await read(headgate, 1)).source == "name: x\n# end\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: x\0", "the text must not have a NUL character"),
        ("# \ud800", "the text must not have half of a surrogate pair"),
        ("#" * (2**20 + 1), "the text must be at most 1,048,576 characters long"),
    ],
)
async def test_a_text_that_cannot_be_stored_is_refused(text: str, problem: str) -> None:
    headgate = InProcessHeadgate()
    await headgate.application.create_pipeline()(define())

    attempts = [
        headgate.application.create_pipeline()(define(), source=text),
        headgate.application.change_pipeline()(1, define(2), source=text),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidInput) as error:
            await attempt
        assert [(each.field, each.message) for each in error.value.problems] == [("", problem)]
    assert await headgate.fakes.reader.revision(1, 2) is None
