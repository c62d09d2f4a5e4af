"""Positions within the text of a definition: where nodes, lines and comments end."""

import yaml


def is_flow(node: yaml.Node) -> bool:
    """Return whether a list or an object is written in brackets, as in JSON."""
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def replace_node(text: str, node: yaml.Node, new: str) -> str:
    """Return the text with another value for a node. A key without a value gets a space before it."""
    start, end = node.start_mark.index, find_content_end(text, node)
    return f"{text[:start]}{' ' if start == end else ''}{new}{text[end:]}"


def find_content_end(text: str, node: yaml.Node) -> int:
    """Return the position after the last character of a node. A block's own mark is at the token after it."""
    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return max(find_content_end(text, part) for part in (last if isinstance(last, tuple) else (last,)))
    start, end = int(node.start_mark.index), int(node.end_mark.index)
    return max(start, len(text[:end].rstrip())) if end > start else end


def find_line_end(text: str, position: int) -> int:
    """Return the position of the line break at or after a position; the length of the text if there is none."""
    found = text.find("\n", position)
    return len(text) if found < 0 else found


def find_line_start(text: str, position: int) -> int:
    """Return the position of the first character of a line."""
    return text.rfind("\n", 0, position) + 1


def find_end_with_comments(text: str, position: int, indent: int) -> int:
    """Return the end of the last line that belongs to a list with items at `indent`: its content ends at `position`, comments follow."""
    end = seen = find_line_end(text, position)
    while seen < len(text):
        line = text[seen + 1 : find_line_end(text, seen + 1)]
        seen += 1 + len(line)
        depth = len(line) - len(line.lstrip(" "))
        if line.lstrip(" ").startswith("#") and (depth > indent or depth == indent > 0):
            end = seen
        elif line.strip():
            break
    return end


def end_line(text: str) -> str:
    """Return the text with a line break at its end, unless it is empty."""
    return text if not text or text.endswith("\n") else f"{text}\n"
