"""The log without a browser: windows, filters, search and download, and that its content is inert."""

import re
from collections.abc import Sequence
from html.parser import HTMLParser

import pytest

from domain.output.terminal_codes import strip_terminal_codes
from domain.runs.status import Status
from entrypoints.web.ansi import render_ansi_line, show_control_characters
from entrypoints.web.markdown import render_markdown
from entrypoints.web.view_models.runs.outputs import extract_image
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import AttemptStory, end, start

CORPUS = [
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "</code></li></ol><h1 onclick='x'>owned</h1>",
    "\x1b[31m<b>red\x1b[0m \x1b]8;;javascript:alert(3)\x07click\x1b]8;;\x07 \x1b[2J\x1b[1;1H",
    "user\u202egnp.exe \u2066hidden\u2069 zero\u200bwidth",
    "soh\x01bell\x07back\x08 del\x7f c1\x9b31m",  # without NUL, which is never stored
    "{{ 7*7 }} ${7*7} %s &lt;already&gt; &#x3c;",
    "x" * 1_000_000,
]


class _Tags(HTMLParser):
    """Collect every tag of a page with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    @classmethod
    def of(cls, html: str) -> list[tuple[str, dict[str, str]]]:
        parser = cls()
        parser.feed(html)
        return parser.found


def _numbers(html: str) -> list[int]:
    return [int(number) for number in re.findall(r'<li id="L\d+"[^>]* data-n="(\d+)"', html)]


async def _a_run_with(headgate: InProcessHeadgate, lines: Sequence[str]) -> int:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline("nightly", ["a", "b"]))
    await headgate.stories.append_log(run_id, "a", lines)
    return run_id


async def test_a_page_has_the_newest_lines_and_links_to_earlier_ones(headgate: InProcessHeadgate) -> None:
    run_id = await _a_run_with(headgate, [f"line {n}" for n in range(1, 1001)])

    newest = (await headgate.page_client.get(f"/ui/runs/{run_id}")).text
    earlier = re.search(r'href="([^"]*before=701[^"]*)"', newest)
    assert earlier
    before = (await headgate.page_client.get(earlier[1].replace("&amp;", "&"))).text

    assert _numbers(newest) == list(range(701, 1001))
    assert _numbers(before) == list(range(401, 701))
    assert "after=700" in before and "Show the newest" in before


async def test_a_script_gets_the_next_lines_in_either_direction(headgate: InProcessHeadgate) -> None:
    run_id = await _a_run_with(headgate, [f"line {n}" for n in range(1, 1001)])
    here = f"/ui/runs/{run_id}/lines"

    found = [
        _numbers((await headgate.page_client.get(f"{here}?{query}")).text)
        for query in ("before=101", "after=990", "after=1000", "", "stage=b")
    ]

    assert [(part[0], part[-1]) if part else None for part in found] == [(1, 100), (991, 1000), None, (701, 1000), None]


async def test_a_line_link_opens_around_its_line(headgate: InProcessHeadgate) -> None:
    run_id = await _a_run_with(headgate, [f"line {n}" for n in range(1, 1001)])

    page = (await headgate.page_client.get(f"/ui/runs/{run_id}?line=120")).text

    assert _numbers(page)[0] == 20 and re.search(r'id="L120" class="target"', page)


async def test_stage_attempt_and_stream_filter_the_page_and_the_file(headgate: InProcessHeadgate) -> None:
    pipeline = await headgate.stories.add_pipeline("nightly", [a_stage("a", retries=1), "b"])
    run_id = await headgate.stories.play_run(
        pipeline, headgate.fakes.clock.now(), {"a": [AttemptStory(1, Status.FAILED, error="no"), AttemptStory(1)]}
    )
    await headgate.stories.append_log(run_id, "a", ["one", "!two"])
    await headgate.stories.append_log(run_id, "a", ["three", "!four"], attempt=2)
    await headgate.stories.append_log(run_id, "b", ["five"])

    async def seen(query: str) -> tuple[list[int], list[str], str]:
        page = (await headgate.page_client.get(f"/ui/runs/{run_id}?{query}")).text
        file = await headgate.page_client.get(f"/ui/runs/{run_id}/log.txt?{query}")
        name = re.search('filename="(.*)"', file.headers["content-disposition"])
        assert name
        return _numbers(page), [line.split("Z  ", 1)[1] for line in file.text.splitlines()], name[1]

    one, two, three, four = "a[1] stdout  one", "a[1] stderr  two", "a[2] stdout  three", "a[2] stderr  four"
    assert await seen("stage=a") == ([1, 2, 3, 4], [one, two, three, four], "nightly-1-a.log")
    assert await seen("stage=a&attempt=2") == ([3, 4], [three, four], "nightly-1-a-attempt-2.log")
    assert await seen("stderr=1") == ([2, 4], [two, four], "nightly-1-stderr.log")
    assert await seen("stage=a&attempt=1&stderr=1") == ([2], [two], "nightly-1-a-attempt-1-stderr.log")
    assert (await headgate.page_client.get(f"/ui/runs/{run_id}?stage=nope&attempt=9")).status_code == 404


async def test_a_search_highlights_its_hits_and_links_between_them(headgate: InProcessHeadgate) -> None:
    lines = [f"\x1b[32mbatch\x1b[0m {n}" if n % 100 == 0 else f"line {n}" for n in range(1, 1001)]
    run_id = await _a_run_with(headgate, lines)

    first = (await headgate.page_client.get(f"/ui/runs/{run_id}?q=BATCH")).text
    second = (await headgate.page_client.get(f"/ui/runs/{run_id}?q=BATCH&line=200")).text

    assert "<b>1 of 10</b> lines with" in first and first.count("<code><mark>batch</mark>") == 10
    assert re.search(r'id="L100" class="hit target".*<code><span class="green"><mark>batch</mark></span> 100</code>', first)
    assert "<b>2 of 10</b> lines with" in second
    assert 'rel="prev"' not in first and "line=200#L200" in first
    assert re.search(r'line=100#L100" rel="prev"', second) and re.search(r'line=300#L300" rel="next"', second)


async def test_a_search_without_hits_says_so_and_keeps_the_log(headgate: InProcessHeadgate) -> None:
    run_id = await _a_run_with(headgate, ["one", "100% sure", "a_b"])

    nothing = (await headgate.page_client.get(f"/ui/runs/{run_id}?q=zzz")).text

    assert "<b>No line</b> with “zzz”" in nothing and _numbers(nothing) == [1, 2, 3]
    assert "<b>1 of 1</b> line with" in (await headgate.page_client.get(f"/ui/runs/{run_id}?q=0%25")).text
    assert "<b>1 of 1</b> line with" in (await headgate.page_client.get(f"/ui/runs/{run_id}?q=_")).text


async def test_a_search_continues_after_the_last_hit_shown(headgate: InProcessHeadgate) -> None:
    run_id = await _a_run_with(headgate, ["hit"] * 120)

    page = (await headgate.page_client.get(f"/ui/runs/{run_id}?q=hit")).text
    more = re.search(r'href="([^"]*after=50[^"]*)">Continue from line', page)
    assert more
    rest = (await headgate.page_client.get(more[1].replace("&amp;", "&"))).text

    assert "<b>1 of 50+</b> lines with" in page
    assert re.search(r'aria-current="true"><a href="[^"]*line=51#L51"', rest)


async def test_a_failed_runs_log_opens_at_its_error(headgate: InProcessHeadgate) -> None:
    pipeline = await headgate.stories.add_pipeline("nightly", ["a"])
    run_id = await headgate.stories.play_run(
        pipeline, headgate.fakes.clock.now(), {"a": [AttemptStory(1, Status.FAILED, error="boom at 7")]}
    )
    await headgate.stories.append_log(run_id, "a", ["fine"] * 500 + ["!a warning", "!boom at 7"] + ["after"] * 500)

    page = (await headgate.page_client.get(f"/ui/runs/{run_id}")).text
    newest = (await headgate.page_client.get(f"/ui/runs/{run_id}?before=999999999999999")).text

    assert "opened at the error" in page and 'id="L502" class="stderr target"' in page
    assert _numbers(newest)[-1] == 1002


async def test_output_and_names_are_inert_on_the_page(headgate: InProcessHeadgate) -> None:
    parameters = {f"p{n}": text[:2_000] for n, text in enumerate(CORPUS)}
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline("nightly", ["a", "b"]), **parameters)
    now = headgate.fakes.clock.now()
    await headgate.stories.append_log(run_id, "a", CORPUS)

    def given(run: object) -> None:
        run.stages["a"].current.output = (
            {text[:300]: text[:5_000] for text in CORPUS}
            | {  # type: ignore[attr-defined]
                "summary": "\n\n".join(text[:3_000] for text in CORPUS) + "\n\n[x](javascript:alert(1)) ![y](https://evil.example/t.png)",
                "links": {text[:200]: text[:200] for text in CORPUS}
                | {"js": "javascript:alert(1)", "data": "data:text/html,x", "ok": "https://ok.example"},
                "images": [{"title": CORPUS[0], "url": "//evil.example/x.png"}, {"title": "svg", "data": "PHN2Zz4="}],
            }
        )
        run.stages["a"].current.message = CORPUS[3]  # type: ignore[attr-defined]

    await headgate.stories.change_run(
        run_id, lambda run: start(run, now), given, end("a", Status.COMPLETED, now), lambda run: start(run, now)
    )
    await headgate.stories.change_run(run_id, end("b", Status.FAILED, now, error="\n".join(text[:500] for text in CORPUS)))

    looks = ("", "?view=list", "?view=graph", "?q=alert", "?q=%3Cscript%3E")
    for path in (*looks, "/stages/a", "/stages/b", "/events", "/again", f"/compare/{run_id}"):
        page = (await headgate.page_client.get(f"/ui/runs/{run_id}{path}")).text
        without_frame = page.split("<main", 1)[1]
        for tag, attributes in _Tags.of(without_frame):
            assert tag not in ("script", "iframe", "object", "embed", "style", "base", "meta"), path
            assert not any(name.startswith("on") or name == "style" for name in attributes), (path, tag, attributes)
            for address in filter(None, (attributes.get(name) for name in ("href", "src", "action", "xlink:href"))):
                assert re.match(r"/(?!/)|#|https?://", address), (path, tag, address)
            assert tag != "img" or attributes["src"].startswith("/"), (path, attributes)
        shown = without_frame if path != "/again" else re.sub(r"<textarea.*?</textarea>", "", without_frame, flags=re.DOTALL)
        assert not re.search("[\x01\x07\x08\x7f\x9b\u202e\u2066\u2069\x1b]", shown), path
        assert len(page) < 400_000, path


async def test_the_file_has_the_whole_text_of_each_line_without_colours(headgate: InProcessHeadgate) -> None:
    run_id = await _a_run_with(headgate, CORPUS)

    answer = await headgate.page_client.get(f"/ui/runs/{run_id}/log.txt")

    texts = [line.split("  ", 2)[2] for line in answer.text.split("\n")[:-1]]
    assert texts == [strip_terminal_codes(line.lstrip("!%")) for line in CORPUS]
    assert "<b>red" in texts[2] and "\x1b" not in answer.text
    assert answer.headers["content-disposition"].startswith("attachment") and answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("text", ["\x1b]" + "a" * 8_000, "\x1b[" * 4_000, "\x1b[1m" * 2_000, "\x1b]0;" * 2_000, "\x1b" * 8_000])
def test_the_ansi_parser_takes_bounded_steps_for_a_hostile_line(text: str) -> None:
    long = render_ansi_line(text)

    assert "\x1b" not in long and "\x1b" not in show_control_characters(text)
    assert len(long) < 80 * len(text)


def test_markdown_is_rendered_inert() -> None:
    text = (
        "# Hi\n\n**bold** `code` ~~old~~ [ok](https://ok.example)\n\n| a |\n|---|\n| 1 |\n\n![i](https://x/y.png) <iframe src=x></iframe>"
    )
    shown = render_markdown(text)

    kept = ("<h3>Hi</h3>", "<strong>bold</strong>", "<code>code</code>", "<del>old</del>", "<td>1</td>")
    for part in (*kept, 'rel="noopener noreferrer nofollow"'):
        assert part in shown
    assert "<iframe" not in shown and "<img" not in shown


@pytest.mark.parametrize(
    ("data", "kind"),
    [("iVBORw0KGgo=", "image/png"), ("R0lGODlh", "image/gif"), ("PHN2Zz4=", None), ("not base64!", None), (7, None), (None, None)],
)
def test_only_images_without_active_content_are_served(data: object, kind: str | None) -> None:
    found = extract_image({"images": [{"title": "x", "data": data}]}, 0)

    assert (found[1] if found else None) == kind
    assert extract_image({"images": []}, 0) is None and extract_image("text", 3) is None
