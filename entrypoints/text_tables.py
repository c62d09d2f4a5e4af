"""Tables in plain text: aligned columns, without control characters."""

from collections.abc import Sequence


def replace_unprintable(text: object) -> str:
    """Return the text on one line: newlines and tabs become spaces, other unprintable characters become U+FFFD."""
    line = str(text)
    if line.isprintable():
        return line
    return "".join(
        character if character.isprintable() else " " if character in "\n\t" else "\N{REPLACEMENT CHARACTER}" for character in line
    )


def format_table(rows: Sequence[Sequence[object]], numbers: Sequence[int] = ()) -> str:
    """Return rows as aligned columns. The first row is the header; columns whose index is in `numbers` are aligned right."""
    printable = [[replace_unprintable(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in printable) for column in range(len(printable[0]))]
    lines = []
    for row in printable:
        cells = [
            cell.rjust(width) if index in numbers else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("   ".join(cells).rstrip())
    return "\n".join(lines) + "\n"
