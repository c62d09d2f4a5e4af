"""A disk that is as full as a test says."""


class FakeDiskSpace:
    """`sentence` is what is lacking; None while there is room."""

    def __init__(self) -> None:
        self.sentence: str | None = None

    def shortage(self) -> str | None:
        return self.sentence

    def free(self) -> int | None:
        return 40 << 30
