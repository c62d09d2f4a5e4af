"""Accounts of people."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from domain.access.caller import AuthMethod, Caller
from domain.access.permissions import ROLE_PERMISSIONS, Role
from domain.errors import InvalidInput

MIN_PASSWORD_LENGTH: Final = 12
MAX_PASSWORD_LENGTH: Final = 200
_MIN_DISTINCT_CHARACTERS: Final = 5
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")


@dataclass(frozen=True, slots=True)
class Account:
    """A person who can sign in. `password` is a hash; accounts without one sign in with the identity provider, as `subject`."""

    id: int
    name: str
    role: Role
    created_at: datetime
    password: str | None = field(default=None, repr=False)
    subject: str | None = None
    disabled_at: datetime | None = None
    seen_at: datetime | None = None

    def to_caller(self) -> Caller:
        permissions = ROLE_PERMISSIONS[self.role]
        return Caller(AuthMethod.SESSION, permissions, self.name, self.role, self.id, has_password=self.password is not None)


def normalize_account_name(text: str) -> str:
    """Return the name in the form that is stored: trimmed, in lower case. Raises InvalidInput."""
    name = text.strip().lower()
    if not _NAME.fullmatch(name):
        raise InvalidInput.for_field("name", "must be 1 to 100 letters, digits and . _ @ + - and begin with a letter or digit")
    return name


def check_password(password: str, name: str) -> None:
    """Raise InvalidInput if the password is too short, too long or too easy to guess."""
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        sentence = f"must have {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters; a few words are easiest to remember"
        raise InvalidInput.for_field("password", sentence)
    if len(set(password)) < _MIN_DISTINCT_CHARACTERS or (name and password.lower().replace(name, "") == ""):
        raise InvalidInput.for_field("password", "is too easy to guess")
