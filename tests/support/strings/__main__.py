"""`python -m tests.support.strings [PART OF A PATH]`: print every string that people read, one a line with its place."""

from __future__ import annotations

import sys

from tests.support.strings import collect_strings


def main() -> None:
    """Print the strings of the files whose path contains the argument; without one, all."""
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    for found in collect_strings():
        if part in found.path:
            print(found)


if __name__ == "__main__":
    main()
