"""Secrets kept in a dictionary."""

from collections.abc import Iterable, Mapping

from application.ports.secrets import SecretUnavailable


class FakeSecrets:
    """Refuses a name that it does not keep, as the real ones do."""

    def __init__(self, **kept: str) -> None:
        self.kept = kept

    def read(self, names: Iterable[str]) -> Mapping[str, str]:
        wanted = list(names)
        for name in wanted:
            if name not in self.kept:
                raise SecretUnavailable(f"The worker has no secret named {name}.")
        return {name: self.kept[name] for name in wanted}
