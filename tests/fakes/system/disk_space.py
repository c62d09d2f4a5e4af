"""Disk space that a test sets."""


class FakeDiskSpace:
    """`sentence` describes the shortage; None while there is enough space."""

    def __init__(self) -> None:
        self.sentence: str | None = None

    def shortage(self) -> str | None:
        return self.sentence

    def free(self) -> int | None:
        return 40 << 30
