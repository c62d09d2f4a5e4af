"""People's accounts, their sessions, and the tokens of programs."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from domain.access.caller import AuthMethod, Caller
from domain.access.permissions import ROLE_PERMISSIONS, Role
from domain.errors import InvalidInput

MIN_PASSWORD_LENGTH: Final = 12
MAX_PASSWORD_LENGTH: Final = 200
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")


@dataclass(frozen=True, slots=True)
class Account:
    """A person who may sign in. `password` is a hash; without one they come by the identity provider, as `subject`."""

    id: int
    name: str
    role: Role
    created_at: datetime
    password: str | None = field(default=None, repr=False)
    subject: str | None = None
    disabled_at: datetime | None = None
    seen_at: datetime | None = None

    def caller(self) -> Caller:
        return Caller(
            AuthMethod.SESSION, ROLE_PERMISSIONS[self.role], self.name, self.role, self.id, has_password=self.password is not None
        )


def normalize_account_name(text: str) -> str:
    """The name as it is kept: lower case. InvalidInput."""
    name = text.strip().lower()
    if not _NAME.fullmatch(name):
        raise InvalidInput.of("name", "is 1 to 100 letters, digits and . _ @ + - and begins with a letter or digit")
    return name


def check_password(password: str, name: str) -> None:
    """Length is what counts. InvalidInput with what to do."""
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise InvalidInput.of(
            "password", f"has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters; a few words are easier to keep than signs"
        )
    if len(set(password)) < 5 or (name and password.lower().replace(name, "") == ""):
        raise InvalidInput.of("password", "is too easily guessed")
