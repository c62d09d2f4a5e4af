"""Which strings are words for people, and which are identifiers, queries, patterns or addresses."""

from __future__ import annotations

import re
from typing import Final

_NOT_PROSE: Final = re.compile(
    r"""^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|ALTER|DROP|LOCK|LISTEN|NOTIFY|SET|SHOW|AND|FROM|JOIN|WHERE|GRANT|ANALYZE|TRUNCATE|VACUUM)\s
    |^\s*[<{[(^\\]*[/.^\\#][\w/.{}:-]*$|^\w+://\S*$|<svg|<path|^[MmLl]\s?[\d.{-]|default-src|\(\?[:i]|\\[dsSw][+*]
    |application/|text/(html|plain)|[=:]{}\ [a-z_]+=
    """,
    re.VERBOSE,
)
_SQL: Final = re.compile(r"\b(SELECT|COALESCE|ORDER BY|GROUP BY|IS NOT NULL|IS NULL|ON CONFLICT|pg_[a-z_]+\(|NOT IN|ANY\()", re.VERBOSE)
_WORDS: Final = re.compile(r"[A-Za-z'’{}][A-Za-z'’{}:,.-]* +[({\"'‘“]?[A-Za-z]{2,}")
_LABEL: Final = re.compile(r"[A-Z][a-z][a-z’'-]+\.?")


def is_prose(text: str) -> bool:
    """Return True if the text holds at least two words of English in a row."""
    return bool(_WORDS.search(text)) and not _NOT_PROSE.search(text) and not _SQL.search(text)


def is_label(text: str) -> bool:
    """Return True if the text is one capitalized word."""
    return bool(_LABEL.fullmatch(text))
