"""Ranks the lines of a program's output by how well they say why it failed."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final


class Rank(IntEnum):
    """How well a line says why a program failed."""

    FOLLOW_UP = 1
    """It reports an earlier failure only, such as a line of `make` about a command's exit code."""
    QUIET = 2
    """A message of a level below warnings, or a detail of another line."""
    PLAIN = 3
    SUMMARY = 4
    """It counts failures, as test runners do in the end."""
    ERROR = 5
    """It names an error."""


_FOLLOW_UP: Final = re.compile(
    r"(?:g?make|ninja)(?:\[\d+\])?: (?:\*\*\* \[.*\] (?:Error \d+|\w.*)|\*\*\* Waiting for .*|\w+ directory .*|build stopped.*)"
    r"|exit status \d+|(?:Error: |##\[error\]|error: )?(?:The )?(?:Process|Command|command|script|Script)\b.{0,200}\b"
    r"(?:completed|exited|failed|returned|finished) with (?:an? )?(?:non-zero )?(?:exit )?(?:code|status|exit code)?:? ?-?\d+\.?"
    r"|ERROR: (?:Job failed|script returned exit code|InvocationError).*|Node\.js v\d.*|error Command failed with .*|Execution halted"
    r"|npm (?:ERR!|error)(?: (?:code|errno|syscall|path|command|cwd|signal|Exit status|Failed at|A complete log|Lifecycle|This is prob).*"
    r"|\s+/\S*)?\s*"
    r"|note: run with `RUST_BACKTRACE.*|error: aborting due to .*|error: could not compile .*|For more information about this error.*"
    r"|Command exited with non-zero status \d+|\(Background on this error at: .*\)"
    r"|(?:See|Try|Run) ['\"`].*['\"`].*|.{0,40}use --help for .*|FAIL(?:ED)?|FAIL\s\S+\s[\d.]+s"
    r"|BUILD FAILED(?: in .*)?|\[INFO\] BUILD FAILURE|\[ERROR\]|PLAY RECAP \**|\S+\s+: ok=\d+ .*"
    r"|FAILURE: Build failed with an exception\.|\[ERROR\] (?:\[Help|To see the full|Re-run Maven|For more information|After correcting).*"
    r"|During handling of the above exception, another exception occurred:"
    r"|The above exception was the direct cause of the following exception:"
)
_DETAIL: Final = re.compile(
    r"(?:DETAIL|HINT|CONTEXT|LINE \d+|STATEMENT|QUERY|WHERE|PL/pgSQL function .*):? .*"  # PostgreSQL
    r"|\s{0,20}\d{0,9}\s{0,20}\|(?:\s.*)?|\s+--> .*|.*:\d+: note: .*|note: .*|= (?:note|help): .*"  # compilers
    r"|\[notice\].*|\s*(?:code|errno|syscall): .*|(?:Snapshots|Time): .*"
)
_QUIET_LEVEL: Final = re.compile(
    r"\W{0,20}(?:\S+\s+){0,4}?\W{0,20}(?:INFO|DEBUG|TRACE|NOTICE|VERBOSE)\b|.{0,200}\blevel\W{1,3}(?:info|debug|trace)\b|\W{0,20}(?:info|debug|notice)\W{1,2}\s"
)
_COUNT: Final = r"(?:errors?|failures?|failed|failing|warnings?|FAILED|ERRORS?)"
_SUMMARY: Final = re.compile(rf"\b\d+ (?:\w+ )?{_COUNT}\b|\b{_COUNT}\s*[=:]\s*\d+\b|\b(?:no|zero|without(?: any)?) {_COUNT}\b")
_NO_FAILURE: Final = re.compile(rf"\b0 (?:\w+ )?{_COUNT}\b|\b{_COUNT}\s*[=:]\s*0\b|\b(?:no|zero|without(?: any)?) {_COUNT}\b")
_PLACE: Final = re.compile(r"\s*[\w./-]+\.\w{1,5}:\d+(?::\d+)?: (?!\w*[Ww]arning)\S")
_ERROR: Final = re.compile(
    r"(?<![\w/.-])(?:errors?|err!|fail(?:ed|ure|ures|ing|s)?|fatal|panic(?:ked)?|exceptions?|critical|aborted|aborting|crashed|killed|denied|refused"
    r"|rejected|forbidden|unauthorized|unreachable|invalid|unknown|undefined|unexpected|missing|mismatch|exceeded|timed out|timeout"
    r"|not found|no such|no space|not exist|not allowed|not permitted|cannot|can't|could not|couldn't|unable to|gave up|giving up"
    r"|out of memory|segmentation fault|core dumped|disk full|too (?:many|few|large|long))\b(?!-)"
    r"|\b[A-Za-z]\w*(?:Error|Exception|Failure|Violation|Timeout)\b|\bError(?=[:\s])|\bE\d{3,}\b",
    re.IGNORECASE,
)


def rank_line(text: str) -> Rank:
    """Return the rank of a line that is no noise."""
    if _FOLLOW_UP.fullmatch(text):
        return Rank.FOLLOW_UP
    if _DETAIL.fullmatch(text) or _QUIET_LEVEL.match(text):
        return Rank.QUIET
    if _SUMMARY.search(text):
        return _rank_counts(text)
    return Rank.ERROR if _PLACE.match(text) or _ERROR.search(text) else Rank.PLAIN


def _rank_counts(text: str) -> Rank:
    """Return the rank of a line that counts failures, and may name one too."""
    if _ERROR.search(_SUMMARY.sub("", text)):
        return Rank.ERROR
    return Rank.PLAIN if _NO_FAILURE.search(text) and not _SUMMARY.search(_NO_FAILURE.sub("", text)) else Rank.SUMMARY
