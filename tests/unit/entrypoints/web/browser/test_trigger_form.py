"""The trigger form in a real browser: what it sends, and how it is used by keyboard, on a phone and without JavaScript."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.support.accessibility import expect_no_axe_issues_in_both_themes
from tests.support.builders import a_stage
from tests.support.servers import ThreadServer

OpenPage = Callable[..., Page]
REFUSED = ("status of 422",)
PROPERTIES: dict[str, Any] = {
    "sql": {"type": "string", "title": "Query", "description": "One statement.", "default": "SELECT 1\nFROM t -- all\n\nWHERE x\n"},
    "windows": {"type": "string", "default": "one\r\ntwo"},
    "empty_first": {"type": "string", "default": "\n\nthird line"},
    "note": {"type": ["string", "null"], "default": None},
    "limit": {"type": ["integer", "null"], "minimum": 1, "default": 100},
    "word": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": "null"},
    "region": {"$ref": "#/$defs/region"},
    "mixed": {"enum": ["small", 3, "3", None, True, 1.5, ""], "default": "3"},
    "id": {"type": "integer", "default": 9007199254740993},
    "ratio": {"type": "number", "default": 1e22},
    "dry": {"type": "boolean", "default": True},
    "maybe": {"type": ["boolean", "null"], "default": None},
    "day": {"type": "string", "format": "date", "default": "2024-02-29"},
    "since": {"type": "string", "format": "date-time", "default": "2024-02-29T09:00:00+05:30"},
    "tags": {"type": "array", "items": {"type": "string"}, "default": ["a", "b c"]},
    "texts": {"type": "array", "items": {"type": "string"}, "default": ["a\nb", "", " "]},
    "sizes": {"type": "object", "additionalProperties": {"type": "integer"}, "default": {"a": 1, "b c": 2}},
    "nested": {"type": "object", "properties": {"a": {"type": "integer", "default": 2}}, "default": {"b": [1.0, None]}},
    "any": {"default": "5"},
    "a_name_without_any_place_where_a_line_could_end_on_a_phone": {"type": "string"},
}
SCHEMA = {"type": "object", "properties": PROPERTIES, "$defs": {"region": {"enum": ["n", "s"], "default": "s"}}}


@pytest.fixture
def form(served: ThreadServer) -> str:
    """The address of the form of a pipeline with every kind of parameter."""
    return define(served, SCHEMA)


def define(served: ThreadServer, schema: Any) -> str:
    answer = httpx.post(f"{served.url}/pipelines/", json={"name": "p", "parameters": schema, "stages": [a_stage("a")]})
    assert answer.status_code == 201, answer.text
    return f"{served.url}/ui/pipelines/p/trigger"


def press_trigger(page: Page) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name="Trigger", exact=True).click()


def read_parameters(served: ThreadServer) -> list[str]:
    """Return each run's parameters as JSON text, which tells 1 from 1.0 and true."""
    return [json.dumps(dict(run.parameters), sort_keys=True) for run in served.headgate.fakes.store.committed.runs.values()]


@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_the_form_sent_as_it_stands_gives_the_parameters_of_an_empty_request(
    served: ThreadServer, form: str, open_page: OpenPage, java_script_enabled: bool
) -> None:
    page = open_page(form, java_script_enabled=java_script_enabled)

    press_trigger(page)
    httpx.post(f"{served.url}/trigger/p").raise_for_status()

    by_page, by_api = read_parameters(served)
    assert by_page == by_api
    assert json.loads(by_page)["sql"] == PROPERTIES["sql"]["default"]


def test_pasted_text_is_sent_whole(served: ThreadServer, open_page: OpenPage) -> None:
    text = "one\ntwo\n" + "😀" * 30
    page = open_page(define(served, {"properties": {"x": {"type": "string"}, "y": {"type": "string", "maxLength": 12}}}), expected=REFUSED)

    page.locator("[name='p.x']").fill(text)
    page.locator("[name='p.y']").fill("longer than 12")
    press_trigger(page)
    expect(page.get_by_role("alert")).to_contain_text('y "longer than 12" is longer than 12 characters')
    page.locator("[name='p.y']").fill("short")
    press_trigger(page)

    assert read_parameters(served) == [json.dumps({"x": text, "y": "short"}, sort_keys=True)]


def test_refused_fields_are_listed_above_the_form_and_reached_by_keyboard(served: ThreadServer, open_page: OpenPage) -> None:
    schema = {"properties": {"a": {"type": "string"}, "day": {"type": "string", "title": "Day"}}, "required": ["a", "day"]}
    page = open_page(define(served, schema), expected=REFUSED)
    page.get_by_label("a required").fill("x")

    press_trigger(page)
    expect(page.get_by_role("alert")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("[name='p.day']")).to_be_focused()
    page.keyboard.type("today")
    for _ in ("what a blank field means", "the button"):
        page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")

    assert read_parameters(served) == ['{"a": "x", "day": "today"}']


@pytest.mark.parametrize("width", [1200, 360])
def test_the_form_is_accessible_and_needs_no_sideways_scrolling(form: str, open_page: OpenPage, width: int) -> None:
    page = open_page(form, expected=REFUSED, viewport={"width": width, "height": 800}, bypass_csp=True)

    page.get_by_label("id", exact=True).fill("none")
    for _ in range(2):
        expect_no_axe_issues_in_both_themes(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if not page.get_by_role("alert").count():
            press_trigger(page)
    expect(page.get_by_role("alert")).to_contain_text('id "none" is not of type "integer"')
