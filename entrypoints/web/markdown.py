"""A stage's Markdown as HTML that can do nothing: parsed, then reduced to a list of harmless tags."""

from functools import cache

import mistune
import nh3
from markupsafe import Markup

from entrypoints.web.ansi import show_control_characters

LONGEST = 64_000
"""Characters of a summary that are shown."""
_BLOCKS = {"p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "table", "thead", "tbody", "tr", "th", "td"}
_TAGS = _BLOCKS | {"a", "code", "em", "strong", "del"}
_HEADINGS = {"<h1>": "<h3>", "</h1>": "</h3>", "<h2>": "<h4>", "</h2>": "</h4>"}
"""The page has its own first and second headings."""


@cache
def _parser() -> mistune.Markdown:
    return mistune.create_markdown(escape=True, plugins=["table", "strikethrough"])


def markdown(text: str) -> Markup:
    """Images and raw HTML are left out; links lead to http and https only, in a way that tells the other side nothing."""
    made = str(_parser()(show_control_characters(text[:LONGEST])))
    for heading, lower in _HEADINGS.items():
        made = made.replace(heading, lower)
    clean = nh3.clean(made, tags=_TAGS, attributes={"a": {"href"}}, url_schemes={"http", "https"}, link_rel="noopener noreferrer nofollow")
    return Markup(clean)
