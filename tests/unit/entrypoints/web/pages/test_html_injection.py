"""Injection tests: descriptions, messages, errors, parameters and names are text on every page."""

import json
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from domain.runs.status import Status
from domain.schedules.tick import TickState
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import end, start

CORPUS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}${7*7}<%= 7 %>",
    "</textarea><svg onload=alert(1)>",
    "javascript:alert(1)",
    "\u202egnp.exe \u2066isolated\u2069",
    "\x1b]0;title\x07\x1b[31mred",
    "a&b &lt;b&gt; &#60;i&#62;",
    "event: forged\r\ndata: <b>x</b>",
    "é" * 400 + "𝕏" * 100,
)


class _Acting(HTMLParser):
    """Collect markup that a browser would run, load or render and that no template contains."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        source = given.get("src") or given.get("href") or given.get("action") or "/"
        is_ours = source.startswith(("/", "#", "http://localhost:8000/", "http://127.0.0.1:4200"))
        if tag in ("img", "iframe", "object", "embed") or not is_ours:
            self.found.append(f"{tag} {given}")
        if tag == "script" and not source.startswith("/static/"):
            self.found.append(f"{tag} {given}")
        self.found += [f"{tag} {name}" for name in given if name.startswith("on") or name == "style"]


def acting_parts(text: str) -> list[str]:
    parser = _Acting()
    parser.feed(text)
    return parser.found


def test_the_checker_finds_active_content() -> None:
    for words in (CORPUS[0], f'<p title="{CORPUS[1]}', f"<a title='{CORPUS[2]}'>", CORPUS[4], '<a href="javascript:alert(1)">'):
        assert acting_parts(words), words


@pytest.mark.parametrize("words", CORPUS)
async def test_text_from_others_is_inert_on_every_page(headgate: InProcessHeadgate, words: str) -> None:
    now = headgate.fakes.clock.now()
    stages = [a_stage("a"), a_stage("ask", "approval", message=words, approvers=[words[:150].strip() or "x"])]
    pipeline = await headgate.stories.add_pipeline(description=words, stages=stages)
    run_id = await headgate.stories.open_run(pipeline, note=words)
    await headgate.stories.change_run(run_id, lambda run: start(run, now), end("a", Status.FAILED, now, error=words))
    await headgate.stories.append_log(run_id, "a", [words])
    addresses = ["/", "/ui/runs", f"/ui/runs/{run_id}", f"/ui/runs/{run_id}?view=list", "/ui/pipelines/nightly", "/ui/system"]
    addresses += ["/ui/pipelines/nightly/edit", "/ui/pipelines/nightly/revisions/1", f"/ui/waiting?run={run_id}&stage=ask"]

    for path in addresses:
        text = (await headgate.page_client.get(path)).text
        assert acting_parts(text) == [], path
        assert ">49<" not in text, path


@pytest.mark.parametrize("words", CORPUS)
async def test_text_about_schedules_is_inert_on_every_page(headgate: InProcessHeadgate, words: str) -> None:
    stories, schedules = headgate.schedule_stories, [{"name": name, "every": "1h"} for name in ("paused", "active")]
    pipeline = await headgate.stories.add_pipeline(stages=["a"], schedules=schedules)
    await stories.add(pipeline)
    await stories.play_ticks(pipeline, "active", headgate.fakes.clock.now() - timedelta(hours=3), TickState.MISSED, message=words)
    await stories.pause(pipeline, "paused", words)
    cron = json.dumps(words, ensure_ascii=False)
    definition = f"name: nightly\nstages: [{{name: a, command: ['true']}}]\nschedules: [{{name: x, cron: {cron}}}]\n"

    for path in ("/", "/ui/pipelines/nightly", "/ui/schedule", "/ui/schedule?view=week", "/ui/pipelines/nightly/schedules/paused/resume"):
        text = (await headgate.page_client.get(path)).text
        assert acting_parts(text) == [] and ">49<" not in text, path
    for headers in ({}, {"HX-Request": "true"}):
        form = {"definition": definition, "revision": "1"}
        answer = await headgate.page_client.post("/ui/pipelines/nightly/edit/preview", data=form, headers=headers)
        assert answer.status_code == (200 if headers else 422)
        assert acting_parts(answer.text) == []


@pytest.mark.parametrize("words", CORPUS)
async def test_text_from_the_url_is_escaped(headgate: InProcessHeadgate, words: str) -> None:
    await headgate.stories.add_pipeline()

    for path in ("/", "/ui/runs", "/ui/waiting", "/ui/schedule"):
        for key in ("q", "status", "tag", "pipeline", "trigger", "since", "run", "stage", "view", "day", "zone"):
            answer = await headgate.page_client.get(path, params={key: words})
            assert answer.status_code in (200, 404), (path, key)
            assert acting_parts(answer.text) == [], (path, key)
