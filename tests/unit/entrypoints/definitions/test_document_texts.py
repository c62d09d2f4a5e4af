"""The texts of the definitions in one file."""

import pytest

from entrypoints.definitions.document_texts import DocumentText, split_documents
from entrypoints.definitions.yaml_reader import parse_documents

A = "# about a\nname: a\nstages: []  # none\n"
B = "# about b\nname: b\nstages: []\n"
DIRECTIVE = "%YAML 1.1\n---\nname: b\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (A, [DocumentText(A)]),
        (f"---\n{A}", [DocumentText(f"---\n{A}")]),
        ('{"name": "a",\n\t"stages": []}', [DocumentText('{"name": "a",\n\t"stages": []}')]),
        (f"{A}---\n{B}", [DocumentText(A), DocumentText(B, 4)]),
        (f"{A}--- # second\n{B}", [DocumentText(A), DocumentText(f"--- # second\n{B}", 3)]),
        (f"# head\n---\n{A}---\n{B}...\n", [DocumentText(f"# head\n---\n{A}"), DocumentText(f"{B}...\n", 6)]),
        (f"{A}---\n---\n{B}", [DocumentText(f"{A}---\n"), DocumentText(B, 5)]),
        ("name: a\nnote: |\n  ---\n  x\n---\nname: b\n", [DocumentText("name: a\nnote: |\n  ---\n  x\n"), DocumentText("name: b\n", 5)]),
        (f"{A}...\n{DIRECTIVE}", [DocumentText(f"{A}...\n"), DocumentText(DIRECTIVE, 4)]),
    ],
    ids=range(9),
)
def test_a_text_is_split_where_its_documents_begin(text: str, expected: list[DocumentText | None]) -> None:
    assert split_documents(text, list(parse_documents(text))) == expected
