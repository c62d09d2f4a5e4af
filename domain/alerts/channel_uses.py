"""What refers to a channel."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChannelUses:
    """What refers to a channel: the names of pipelines, of site rules, and of channels that fall back to it."""

    pipelines: Sequence[str] = ()
    rules: Sequence[str] = ()
    channels: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.pipelines or self.rules or self.channels)
