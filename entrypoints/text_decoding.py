"""Decode the bytes of requests, files and standard input: UTF-8, with or without a byte order mark."""

import codecs

BYTE_ORDER_MARK = "\ufeff"
_OTHER_ENCODINGS = (
    ("UTF-32", (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)),
    ("UTF-16", (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)),
)


class InvalidEncoding(ValueError):
    """The bytes are not UTF-8. The message says what they are: "is in UTF-16; it must be in UTF-8"."""


def decode_text(data: bytes) -> str:
    """Return the text without its byte order mark. Raise InvalidEncoding."""
    if encoding := _detect_other_encoding(data):
        raise InvalidEncoding(f"is in {encoding}; it must be in UTF-8")
    try:
        return remove_byte_order_mark(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidEncoding(f"is not in UTF-8: line {line} has the byte 0x{data[error.start]:02x}") from None


def remove_byte_order_mark(text: str) -> str:
    return text.removeprefix(BYTE_ORDER_MARK)


def _detect_other_encoding(data: bytes) -> str | None:
    """Return UTF-16 or UTF-32 if the data begins with its byte order mark, or with an ASCII character in it."""
    for name, marks in _OTHER_ENCODINGS:
        if data.startswith(marks):
            return name
    start = [byte != 0 for byte in data[:4]]
    if start in ([True, False, False, False], [False, False, False, True]):
        return "UTF-32"
    return "UTF-16" if start[:2] in ([True, False], [False, True]) else None
