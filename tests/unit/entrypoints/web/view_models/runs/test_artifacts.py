"""Artifacts of flow runs are shown readable, whatever they contain, and fit on a page."""

from typing import Any

import pytest

from entrypoints.web.view_models.runs.artifacts import MAX_COLUMNS, MAX_MARKDOWN_LENGTH, MAX_ROWS, TOO_LONG, Artifact, build_artifacts


def build(kind: str | None, data: Any, **fields: Any) -> Artifact:
    return build_artifacts([{"key": "found", "type": kind, "description": None, "data": data, **fields}])[0]


@pytest.mark.parametrize(
    "data",
    [
        [{"name": "a", "rows": 1}, {"name": "b", "rows": None}],
        [{"name": "a", "rows": 1}, {"name": "b"}],
        {"name": ["a", "b"], "rows": [1]},
    ],
    ids=["rows", "a row that lacks a value", "columns"],
)
def test_a_table_has_named_columns(data: Any) -> None:
    table = build("table", data).table

    assert table is not None
    assert (table.columns, table.rows, table.note) == (["name", "rows"], [["a", "1"], ["b", ""]], "")


def test_a_table_without_names_has_rows_of_the_same_length() -> None:
    table = build("table", [["a"], ["b", 2]]).table

    assert table is not None
    assert (table.columns, table.rows) == ([], [["a", ""], ["b", "2"]])


def test_a_large_table_says_what_it_leaves_out() -> None:
    table = build("table", [{f"c{number}": "x" for number in range(MAX_COLUMNS + 2)}] * (MAX_ROWS + 1)).table

    assert table is not None
    assert (len(table.columns), len(table.rows), table.note) == (MAX_COLUMNS, MAX_ROWS, "1 more row and 2 more columns")
    assert {len(row) for row in table.rows} == {MAX_COLUMNS}


@pytest.mark.parametrize("data", ["not a table", [], {}, {"a": 1}, [1, 2], [{"a": 1}, 2], None, [[]]])
def test_a_table_that_is_none_is_shown_as_a_value(data: Any) -> None:
    artifact = build("table", data)

    assert artifact.table is None or artifact.table.rows == [[]]
    assert artifact.text or artifact.table


def test_markdown_is_sanitized_and_a_link_leads_to_http_only() -> None:
    html = build("markdown", "<script>x</script>\n\n[a](javascript:x) [b](https://example.com)", description="*new*")

    assert "<script" not in str(html.markdown)
    assert 'href="javascript' not in str(html.markdown)
    assert 'href="https://example.com"' in str(html.markdown)
    assert html.description == "<p><em>new</em></p>\n"


def test_so_much_markdown_is_rendered_as_fits_on_the_page() -> None:
    many = build_artifacts([{"key": f"k{number}", "type": "markdown", "data": "word " * 3_000} for number in range(5)])

    rendered = [artifact for artifact in many if artifact.markdown]
    assert 0 < len(rendered) < 5
    assert sum(len(artifact.markdown or "") for artifact in rendered) < MAX_MARKDOWN_LENGTH + 20_100
    assert [artifact.text for artifact in many[len(rendered) :]] == [TOO_LONG] * (5 - len(rendered))


@pytest.mark.parametrize(("data", "text"), [(40, "40 %"), (12.5, "12.5 %"), (True, "true"), ("half", "half")])
def test_progress_is_a_percentage(data: Any, text: str) -> None:
    assert build("progress", data).text == text


def test_an_image_is_a_link_that_may_be_unsafe() -> None:
    links = [build("image", url).link for url in ("https://example.com/a.png", "data:image/png;base64,AA")]

    assert [link.href for link in links if link] == ["https://example.com/a.png", ""]


@pytest.mark.parametrize("artifact", ["text", 3, None, {}, {"type": ["x"], "key": {"a": 1}, "data": {"b": [1]}}, {"data": "\u202eevil"}])
def test_anything_else_is_shown_as_a_value_without_control_characters(artifact: Any) -> None:
    item = build_artifacts([artifact])[0]

    assert item.title
    assert "\u202e" not in item.text
