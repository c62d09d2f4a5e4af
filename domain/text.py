"""Which texts can be stored and shown: no NUL, no lone surrogate, not too long."""


def why_not_text(value: object, longest: int) -> str | None:
    """None when `value` is text of at most `longest` characters that PostgreSQL and UTF-8 can hold, else what is wrong."""
    if not isinstance(value, str):
        return "is text"
    if len(value) > longest:
        return f"is at most {longest:,} characters long"
    if "\0" in value:
        return "has a NUL character"
    if any("\ud800" <= character <= "\udfff" for character in value):
        return "has half of a surrogate pair"
    return None
