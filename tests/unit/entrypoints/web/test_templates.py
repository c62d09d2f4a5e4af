"""Every URL in a template begins with the base path."""

import re
from pathlib import Path

import entrypoints.web

TEMPLATES = Path(entrypoints.web.__file__).parent / "templates"
URL = re.compile(
    r"""(?<![\w-])(?:href|src|action|formaction|poster|hx-(?:get|post|put|patch|delete)|sse-connect|data-fragment)\s*=\s*("[^"]*"|'[^']*'|\S*)"""
)
OWN = ('"{{ base }}', '"{{ base ~ ', '"#')
FROM_USERS = {'"{{ image.href|own_link }}"', '"{{ link.href|own_link }}"'}
"""URLs that stages report. The filter adds the base path to paths of this site."""
OTHER_SITES = {("live/run_facts.html", '"{{ href }}"'), ("prefect.html", '"{{ page.href }}"')}
"""Links to Datadog and Prefect."""
TO_PREFECT = {
    '"{{ href|own_link }}"',
    '"{{ each.href|own_link }}"',
    '"{{ each.flow_run[1]|own_link }}"',
    '"{{ stage.flow_run.href|own_link }}"',
}
"""Links to Prefect, or to the page of this site that explains how to open them."""


def test_every_url_begins_with_the_base_path() -> None:
    found = [(str(path.relative_to(TEMPLATES)), url) for path in sorted(TEMPLATES.rglob("*.html")) for url in URL.findall(path.read_text())]

    wrong = {each for each in found if not each[1].startswith(OWN) and each[1] not in FROM_USERS | TO_PREFECT}
    assert wrong == OTHER_SITES
    assert len(found) > 100


def test_scripts_and_styles_name_no_path_of_their_own() -> None:
    static = TEMPLATES.parent / "static"
    texts = {path.name: path.read_text() for path in static.iterdir() if path.suffix in (".js", ".css")}

    calls = {
        name: re.findall(r"""(?:fetch|assign|replace|EventSource|ajax)\(\s*(?:"GET",\s*)?["'`]/|url\(["']?/""", text)
        for name, text in texts.items()
    }
    assert {name for name, found in calls.items() if found} == set()
    assert "document.body.dataset.base + places[" in texts["keys.js"]
