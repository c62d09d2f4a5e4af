"""The problems that `headgate lint` prints, as text, JSON or annotations."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem in a file. `line` and `column` count from 1; None if the text has no place for it."""

    file: str
    line: int | None
    column: int | None
    field: str
    message: str
    is_error: bool

    @property
    def severity(self) -> str:
        return "error" if self.is_error else "warning"

    @property
    def sentence(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


def format_findings(findings: Sequence[Finding], output: str) -> Iterator[str]:
    """Yield the lines of an output format: `text`, `json` or `github`."""
    if output == "json":
        yield json.dumps([_to_object(finding) for finding in findings], ensure_ascii=False, indent=2)
        return
    for finding in findings:
        yield _format_annotation(finding) if output == "github" else _format_line(finding)


def format_summary(findings: Sequence[Finding], definitions: int) -> str:
    """Return how many definitions were checked, and how many problems they have."""
    errors = sum(finding.is_error for finding in findings)
    parts = [_count(number, word) for number, word in ((errors, "error"), (len(findings) - errors, "warning")) if number]
    return f"Checked {_count(definitions, 'definition')}: {', '.join(parts) or 'no problems'}."


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _format_line(finding: Finding) -> str:
    place = ":".join(str(part) for part in (finding.file, finding.line, finding.column) if part is not None)
    return f"{place}: {finding.sentence}" if finding.is_error else f"{place}: warning: {finding.sentence}"


def _to_object(finding: Finding) -> dict[str, object]:
    return {
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "field": finding.field,
        "message": finding.message,
        "severity": finding.severity,
    }


def _format_annotation(finding: Finding) -> str:
    """Return a workflow command of GitHub Actions."""
    places = {"file": finding.file, "line": finding.line, "col": finding.column}
    properties = ",".join(f"{key}={_escape(str(value), ':,')}" for key, value in places.items() if value is not None)
    return f"::{finding.severity} {properties}::{_escape(finding.sentence)}"


def _escape(text: str, others: str = "") -> str:
    """Return the text with % and line ends as escapes, and the `others` too."""
    return "".join(f"%{ord(letter):02X}" if letter in f"%\r\n{others}" else letter for letter in text)
