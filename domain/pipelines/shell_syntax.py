"""Find the parts of a command that only a shell understands."""

import re
import shlex
from collections.abc import Sequence

_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "fish", "powershell", "pwsh", "cmd"})
_QUOTED = re.compile(r"""\\.|'[^']*'|"(?:\\.|[^"\\$`]|\$(?![A-Za-z_({]))*\"""", re.DOTALL)
_IN_TEXT = re.compile(r"&&|\|\||2>&1|&>|\d?>>|\d?>|<<|\||;|<|\$\(|`|\$\{?[A-Za-z_]\w*\}?|(?<!\S)~/|(?<!\S)\S*\*\S*|&(?=\s*$)|\n")
_WORD = re.compile(r"(&&|\|\|?|;|&|&>.*|\d?>>?(?!=).*|<<?(?!=).*|\$\(.*|`.*|\$\{?[A-Za-z_]\w*\}?\S*|~/\S*|[^\s=]*\*[^\s]*)")
_AT_END = re.compile(r"[\w./-]+;")


def find_shell_syntax(command: str | Sequence[str]) -> str | None:
    """Return the first part of a command that only a shell understands, such as `|`, `>` or `$HOME`; None if there is none.

    A command line is read as a shell reads it: quoted parts do not count. In a list, only whole words count, and none if the program is
    a shell.
    """
    if isinstance(command, str):
        found = _IN_TEXT.search(_QUOTED.sub("''", command))
        return (found[0].strip() or "a line break") if found else None
    if not command or command[0].rpartition("/")[2] in _SHELLS:
        return None
    return next((_name(word) for word in command[1:] if _is_shell_word(word)), None)


def join_for_shell(words: Sequence[str]) -> str:
    """Return the shell text of a command's words. Words that only a shell understands are not quoted."""
    return " ".join(word if _is_shell_word(word) and not re.search(r"[\s'\"\\]", word) else shlex.quote(word) for word in words)


def _is_shell_word(word: str) -> bool:
    return not re.search(r"\s", word) and (_WORD.fullmatch(word) or _AT_END.fullmatch(word)) is not None


def _name(word: str) -> str:
    return ";" if word.endswith(";") else word[:40]
