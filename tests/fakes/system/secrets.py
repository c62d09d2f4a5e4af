"""Secrets in a dictionary."""

from collections.abc import Iterable, Mapping

from application.ports.system.secrets import MIN_SECRET_LENGTH, SecretUnavailable


class FakeSecrets:
    """Raise for an unknown name, a value that is too short to mask, and a NUL character."""

    def __init__(self, **kept: str) -> None:
        self.kept = kept

    def read(self, names: Iterable[str]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for name in names:
            value = self.kept.get(name) or self.kept.get(name.upper())
            if not value:
                raise SecretUnavailable(f"The worker has no secret named {name}.")
            if len(value) < MIN_SECRET_LENGTH:
                raise SecretUnavailable(f"The secret {name} is shorter than {MIN_SECRET_LENGTH} characters.")
            if "\0" in value:
                raise SecretUnavailable(f"The secret {name} holds a NUL character.")
            found[name] = value
        return found
