"""The operating system user of the embedded server. PostgreSQL does not run as root, so root runs it as a system user."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.persistence.embedded.errors import EmbeddedServerError

# In order of preference: first users that own nothing else; `nobody` exists almost everywhere.
SYSTEM_USERS = ("headgate", "postgres", "nobody")
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class OsUser:
    """The user of the server's processes. `switch`: Headgate runs as root and starts processes as this user."""

    name: str
    uid: int
    gid: int
    switch: bool

    def spawn(self, argv: Sequence[str | Path], *, stdout: int, cwd: Path = Path("/")) -> subprocess.Popen[bytes]:
        """Start `argv` as this user, in a new session and a minimal environment."""
        return subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=_ENVIRONMENT,
            umask=0o077,
            start_new_session=True,
            user=self.uid if self.switch else None,
            group=self.gid if self.switch else None,
            extra_groups=() if self.switch else None,
        )

    def run(self, argv: Sequence[str | Path], *, timeout: float) -> tuple[int, str]:
        """Run `argv` as this user and return its exit code and output. `timeout` is in seconds; a timeout has exit code -1."""
        process = self.spawn(argv, stdout=subprocess.PIPE)
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            return -1, output.decode(errors="replace") + f"\nerror: timed out after {timeout:g} s"
        return process.returncode, output.decode(errors="replace")

    def can_enter(self, folder: Path) -> bool:
        """Return True if this user can enter `folder`. The kernel decides, so access lists and mounts count too."""
        if not self.switch:
            return os.access(folder, os.R_OK | os.W_OK | os.X_OK)
        code, _ = self.run(["/bin/sh", "-c", 'cd "$0"', folder], timeout=10)
        return code == 0

    def can_execute(self, program: Path) -> bool:
        """Return True if this user can load and run `program`."""
        try:
            code, _ = self.run([program, "--version"], timeout=10)
        except OSError:
            return False
        return code == 0

    def give_ownership(self, path: Path, mode: int) -> None:
        """Make this user the owner of `path`, with `mode`."""
        path.chmod(mode)
        if self.switch:
            os.chown(path, self.uid, self.gid)


def choose_os_user(data: Path) -> OsUser:
    """Return the user that runs the server of `data`: the owner of existing data, or the first system user."""
    owner = data.stat().st_uid if data.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner != os.geteuid():
            raise _build_owner_error(data, owner)
        return OsUser(name=_get_user_name(os.geteuid()), uid=os.geteuid(), gid=os.getegid(), switch=False)
    known = [entry for entry in map(_lookup, SYSTEM_USERS) if entry is not None]
    if owner is not None:
        known = [entry for entry in known if entry.pw_uid == owner]
        if not known:
            raise _build_owner_error(data, owner)
    if not known:
        names = ", ".join(SYSTEM_USERS)
        raise EmbeddedServerError(
            f"PostgreSQL does not run as root and none of the users {names} exists; create one or run as another user."
        )
    return OsUser(name=known[0].pw_name, uid=known[0].pw_uid, gid=known[0].pw_gid, switch=True)


def _lookup(name: str) -> pwd.struct_passwd | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return entry if entry.pw_uid != 0 else None


def _get_user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _build_owner_error(data: Path, owner: int) -> EmbeddedServerError:
    name = _get_user_name(owner)
    return EmbeddedServerError(
        f"The data directory {data} belongs to the user {name}; run Headgate as {name} or set HEADGATE_HOME to another folder."
    )
