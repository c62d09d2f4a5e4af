"""One name for one thing: the product's terms, and the words that are not used for them."""

from __future__ import annotations

from typing import Final

from tests.support.strings.banned_words import BannedWords

GLOSSARY: Final = {
    "run": r"\bexecutions?\b",
    "stage": r"\btasks?\b|\bpipeline steps?\b",
    "pipeline": r"\bworkflows?\b|\bDAGs?\b",
    "worker": r"\b(job|task) (server|runner)s?\b",
    "sign in": r"\blog(s|ged|ging)? (in|on|into)\b|\blog-?ins?\b",
    "sign out": r"\blog(s|ged|ging)? (out|off)\b|\blog-?outs?\b",
    "parameters": r"\bparams\b",
    "definition": r"\bpipeline (spec|config|configuration)\b",
    "respond": r"\bno answer\b",
}
"""The product's term, and a pattern of the words that must not stand for it."""

BRITISH: Final = {
    "cancelled": r"\bcancel(ed|ing)\b",
    "organisation": r"\borganization\b",
    "behaviour": r"\bbehavior\b",
    "colour": r"\bcolor\b",
    "catalogue": r"\bcatalog\b",
    "licence": r"\blicense\b(?<!(?-i:LICENSE))",
    "centre": r"\bcenter\b",
    "labelled": r"\blabeled\b",
}
"""The product spells as British English does."""

TERMS: Final = tuple(BannedWords(pattern, term) for term, pattern in (GLOSSARY | BRITISH).items())
