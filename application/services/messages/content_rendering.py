"""Renders the blocks of a message as plain text and as HTML for mail clients."""

from collections.abc import Sequence
from html import escape
from typing import Final

from application.services.messages.message_content import Block

_FONT: Final = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;line-height:1.5"
_CODE: Final = (
    "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:13px;line-height:1.45;white-space:pre-wrap;overflow-wrap:anywhere;"
    "border-left:3px solid #d0433f;margin:0 0 16px;padding:4px 0 4px 12px"
)


def render_text(blocks: Sequence[Block]) -> str:
    """Return the blocks as text, separated by blank lines. A list follows its heading without one."""
    parts: list[str] = []
    for block in blocks:
        text = _render_block_as_text(block)
        if parts and block.kind == "list" and parts[-1].endswith(":"):
            parts[-1] += "\n" + text
        else:
            parts.append(text)
    return "\n\n".join(parts)


def render_html(subject: str, blocks: Sequence[Block]) -> str:
    """Return the subject and the blocks as HTML: only elements with inline styles, and no colours that a dark background would hide."""
    body = "".join(_render_block_as_html(block) for block in blocks)
    return f'<div style="{_FONT}"><h1 style="font-size:18px;line-height:1.35;margin:0 0 12px">{escape(subject)}</h1>{body}</div>'


def _render_block_as_text(block: Block) -> str:
    if block.kind == "list":
        return "\n".join(f"- {item}" for item in block.items)
    if block.kind == "code":
        return "\n".join(f"    {line}" for line in block.text.split("\n"))
    return block.text


def _render_block_as_html(block: Block) -> str:
    if block.kind == "list":
        items = "".join(f'<li style="margin:0 0 4px">{escape(item)}</li>' for item in block.items)
        return f'<ul style="margin:0 0 16px;padding:0 0 0 20px">{items}</ul>'
    if block.kind == "code":
        return f'<pre style="{_CODE}">{escape(block.text)}</pre>'
    if block.kind == "heading":
        return f'<h2 style="font-size:14px;margin:0 0 6px">{escape(block.text)}</h2>'
    return f'<p style="margin:0 0 16px">{escape(block.text)}</p>'
