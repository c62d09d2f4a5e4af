"""Lines that a terminal shows as `error 42: no`."""

from typing import Final

LINES_WITH_CODES: Final = (
    "\x1b[31merror\x1b[0m 42: no",
    "\x1b[1;38;5;196merr\x1b[mor \x1b[4m42\x1b[24m: no\x1b[0m",
    "\x1b[38:2:255:0:0merror 42\x1b[0m: no",
    "\x1b]0;a title\x07error 42: no",
    "\x1b]8;;https://example.com/e?a=[1]\x1b\\error 42\x1b]8;;\x1b\\: no",
    "\x1bPq#0;2;0;0;0\x1b\\error \x1b(B42: no",
    "err\x07or\x1b[K 42: \x1b7no\x1b8\x1b",
    "\x9b31merror 42: no\x9bm",
)
