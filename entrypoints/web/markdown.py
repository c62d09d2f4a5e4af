"""Rendering of Markdown from stages as safe HTML: it is parsed, then reduced to harmless tags."""

from functools import cache

import mistune
import nh3
from markupsafe import Markup

from entrypoints.web.ansi import show_control_characters

MAX_LENGTH = 20_000
"""Characters that are rendered: more of them, nested, take more than 100 ms."""
_BLOCKS = {"p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "table", "thead", "tbody", "tr", "th", "td"}
_TAGS = _BLOCKS | {"a", "code", "em", "strong", "del"}
_HEADINGS = {"<h1>": "<h3>", "</h1>": "</h3>", "<h2>": "<h4>", "</h2>": "</h4>"}
"""Headings of the first and second level are lowered, because the page has its own."""


@cache
def _get_parser() -> mistune.Markdown:
    return mistune.create_markdown(escape=True, plugins=["table", "strikethrough"])


def render_markdown(text: str) -> Markup:
    """Return HTML without images and raw HTML. Links lead to http and https only, and send no referrer."""
    hidden = len(text) - MAX_LENGTH
    html = str(_get_parser()(show_control_characters(text[:MAX_LENGTH])))
    if hidden > 0:
        html += f"<p>… {hidden:,} more characters</p>"
    for heading, lower in _HEADINGS.items():
        html = html.replace(heading, lower)
    link_rel = "noopener noreferrer nofollow"
    return Markup(nh3.clean(html, tags=_TAGS, attributes={"a": {"href"}}, url_schemes={"http", "https"}, link_rel=link_rel))
