"""Pages for a terminal: aligned columns, no colour codes, and nothing in them that could act on the terminal."""

from collections.abc import Sequence

from fastapi import Request, Response

from entrypoints.web.templating import HEADERS


def wants_text(request: Request) -> bool:
    """True for `curl -H 'Accept: text/plain'`; a browser, which names HTML first, gets the page."""
    accepted = request.headers.get("accept", "")
    return "text/plain" in accepted and "text/html" not in accepted


def text_response(text: str) -> Response:
    headers = {**HEADERS, "Vary": "Accept"}
    return Response(text.rstrip() + "\n", media_type="text/plain; charset=utf-8", headers=headers)


def replace_unprintable(text: object) -> str:
    """One line that prints as it reads."""
    return "".join(
        character if character.isprintable() else " " if character in "\n\t" else "\N{REPLACEMENT CHARACTER}" for character in str(text)
    )


def format_table(rows: Sequence[Sequence[object]], numbers: Sequence[int] = ()) -> str:
    """The first row is the head; columns named in `numbers` stand at the right."""
    cleaned = [[replace_unprintable(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cleaned) for column in range(len(cleaned[0]))]
    lines = []
    for row in cleaned:
        cells = [
            cell.rjust(width) if index in numbers else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("   ".join(cells).rstrip())
    return "\n".join(lines) + "\n"
