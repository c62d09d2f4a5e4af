"""Words and constructions that no string may have, from the tables of the wording rules, each with what to write instead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class BannedWords:
    """`pattern` is a regular expression that ignores case; `instead` says what to write."""

    pattern: str
    instead: str

    def find_in(self, text: str) -> str | None:
        """Return the first words of the text that are banned."""
        found = re.search(self.pattern, text, re.IGNORECASE)
        return found.group() if found else None


PHRASES: Final = (
    BannedWords(r"\bended with exited\b", "exit code 3"),
    BannedWords(r"\bfails in .* without one\b", "times out in"),
    BannedWords(r"\bwas allowed to\b", "failed, which is allowed"),
    BannedWords(r"\bleads to no\b", "Could not resolve"),
    BannedWords(r"\bmay not be\b", "is not allowed"),
    BannedWords(r"\basks? for a worker\b", "Waiting for a worker"),
    BannedWords(r"\bbursts?\b", "dispatch, or leave the event out"),
    BannedWords(r"\btried again\b", "will run again"),
    BannedWords(r"\bpages? of (their|its) own\b", "All events"),
    BannedWords(r"^narrow\b", "Filter"),
    BannedWords(r"\bin any way\b|\bby a first report\b", "Any trigger, First report"),
    BannedWords(r"\bbreaks most often\b|\bnothing broke\b", "Most failures, No failures"),
    BannedWords(r"\bthat are alike\b", "Similar failures"),
    BannedWords(r"^as in the\b|\bpassed on\b|\bup to \S+ at a time\b", "Latest run, records, max 16 in parallel"),
    BannedWords(r"^the first one\b|\bnothing that counts\b", "Created, No functional change"),
    BannedWords(r"\bnone yet\b|\bthere is none\b", "No runs yet"),
    BannedWords(r"\b(is|are) well\b|^well\.?$", "OK"),
    BannedWords(r"^answers\.?$|\b(does|did|do|has|have) not answer(ed)?\b", "Online, does not respond"),
    BannedWords(r"\bnothing waits\b(?! for (the|a) )", "Nothing is waiting"),
    BannedWords(r"^leave it\b|^keep it\b", "Cancel, Don’t cancel"),
    BannedWords(r"^what \w+ (is|are)\b|\bits turn\b", "Completed stages are kept"),
    BannedWords(r"^try it again\b|^go on without\b|^end it\b", "Retry, Skip, Cancel"),
    BannedWords(r"\btold\b", "shown, reported"),
    BannedWords(r"^all of them\b|^make (one|the first)\b", "Accounts (3), New account"),
    BannedWords(r"^(give|shut)\b(?! a lower)", "Save, Disable"),
    BannedWords(r"\bviewers? sees?\b", "Viewers can view"),
    BannedWords(r"\banother password\b|\buntil now\b|\bthe same again\b|^change it$", "New password, Current password, Change password"),
    BannedWords(r"\bgo together\b", "Wrong name or password"),
    BannedWords(r"\bgood for\b", "valid for"),
    BannedWords(r"\bto bind it\b|\bbound to\b", "limited to"),
    BannedWords(r"^ends after\b", "Expires after"),
    BannedWords(r"\bis json$|\bis needed$", "must be valid JSON, is required"),
    BannedWords(r"\bpassed over\b", "ignored"),
    BannedWords(r"(^|: )is an? (list|json object|object|number|text)\b", "must be a list"),
    BannedWords(r"\bput it to\b", "Open it to edit"),
    BannedWords(r"^done\.$", "say what was done"),
    BannedWords(r"\b(no|some|any|every)body\b|\bwhoever\b|\bwhatever\b", "name the user, the role or the program"),
    BannedWords(r"\bbehind the links\b", "See all pipelines or runs"),
)
"""What the left column of the table of words says, and its kind."""

CONSTRUCTIONS: Final = (
    BannedWords(r"\btakes? up\b(?! to\b)|\b(rides?|riding|sits?|sitting|buries|buried)\b", "the field's term, without a metaphor"),
    BannedWords(r"\bwhat (is|was|are) (told|asked|meant)\b|\bas it shall be\b", "subject, verb, object"),
    BannedWords(r"\bwithout [^,.;]+, no\b", "subject, verb, object"),
    BannedWords(r"\bonly (then|after|when|if|with|by) [^.;]*\b(does|do|did)\b", "subject, verb, object"),
    BannedWords(r"\bnor (does|do|did|is|are|can|may)\b", "a sentence of its own"),
    BannedWords(r"\b(not good here|ask again|at work)\b", "invalid, try again"),
    BannedWords(r"\bfor ever\b|\bany more\b(?=[.,;]|$)", "forever, no longer"),
    BannedWords(r"\bgoes on\b|\bgo on\b", "continues"),
    BannedWords(r"\bwhat (became|becomes) of\b", "the outcome of"),
    BannedWords(r"\bhers\b|\bher own\b|\bhis own\b", "their"),
)
"""Inverted sentences, metaphors and words that people do not use in software."""

MANNERS: Final = (
    BannedWords(r"\bclick here\b", "the name of the link"),
    BannedWords(r"\bplease\b|\bsorry\b|\boops\b|\bunfortunately\b", "what to do"),
    BannedWords(r"(?<![{=`'\"])!(?=\s|$)", "a full stop"),
    BannedWords(r"[.,;:] {2,}\S|[a-z,] {2,}[a-z]", "one space"),
)
