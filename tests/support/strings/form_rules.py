"""How strings of each kind begin and end, and how long a button is.

- A button is a verb and at most two more words, articles and values aside. Links of the same look may name a page or a direction.
- The message of an exception is a sentence, with a capital letter and a full stop, or continues the name of a setting or a file: then it
  has neither.
- A problem of a field continues the field's name: no capital letter, no full stop.
- Pages use typographic apostrophes and quotes.
"""

from __future__ import annotations

import re
from typing import Final

from tests.support.strings.found_string import FoundString, Kind

VERBS: Final = frozenset(
    re.findall(
        r"\S+",
        """
    acknowledge add apply approve archive backfill cancel change check choose clear clone close collapse compare confirm
    continue copy create decide delete disable discard dismiss don’t download duplicate edit enable end expand export
    filter fold go hide insert load lock move mute open paste pause preview print refresh reject reload remove rename
    report reset resolve restore resume retry review revoke run save search select send set show sign skip snooze start
    stop submit sync test trigger try unarchive undo unfold use validate verify view write
""",
    )
)
PLACES: Final = frozenset(
    re.findall(
        r"\S+",
        """
    archived back backfills csv day earlier first groups json keyboard later latest line log newer newest new next older pipelines previous
    runs system theme until
""",
    )
)
"""First words of links that look like buttons."""
MAX_WORDS: Final = 3
_FILLERS: Final = frozenset({"a", "an", "the", "of", "from", "to"})
_PAGE_KINDS: Final = (Kind.TEXT, Kind.BUTTON, Kind.HEADING, Kind.ATTRIBUTE, Kind.SCRIPT)


def find_form_problem(found: FoundString) -> str | None:
    """Return what is wrong with the form of a string."""
    if found.kind is Kind.BUTTON:
        return _check_button(found.text)
    if found.kind is Kind.ERROR:
        return _check_error(found.text)
    if found.kind is Kind.PROBLEM:
        return _check_problem(found.text)
    if found.kind in _PAGE_KINDS and re.search(r"[A-Za-z]'[A-Za-z]|s' ", found.text):
        return "a straight apostrophe: write ’"
    return None


def _check_button(text: str) -> str | None:
    words = [word for word in re.sub(r"\{\}|¦", " ", text).split() if len(word) > 1 and word.lower() not in _FILLERS]
    if not words:
        return None
    if words[0].lower().strip(":") not in VERBS | PLACES:
        return f"{words[0]} is not a verb"
    return f"more than {MAX_WORDS} words" if len(words) > MAX_WORDS else None


def _check_error(text: str) -> str | None:
    if text.startswith(("{", "`", '"', "'")) or not text[0].isalpha():
        return None
    if text[0].isupper() and re.match(r"[A-Z][a-z]+ |[A-Z][a-z]+\b", text):
        return None if text.endswith((".", "?", "{}", ":", "!", "`")) or not text.count(" ") > 1 else "no full stop"
    return "a full stop without a capital letter" if text[0].islower() and text.endswith(".") else None


def _check_problem(text: str) -> str | None:
    if text.endswith(".") and not text.endswith("..."):
        return "a full stop: a problem continues the name of its field"
    return "a capital letter: a problem continues the name of its field" if re.match(r"[A-Z][a-z]+ ", text) else None
