"""Who the embedded server runs as: PostgreSQL refuses to be root, so root lends it to a system user."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.persistence.embedded.errors import EmbeddedServerError

# In order of preference. A user that owns nothing else is best; `nobody` exists almost everywhere.
SYSTEM_USERS = ("headgate", "postgres", "nobody")
_CALM_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True, slots=True)
class OsUser:
    """A user that server processes run as. `switch` says that we are root and must become it."""

    name: str
    uid: int
    gid: int
    switch: bool

    def spawn(self, argv: Sequence[str | Path], *, stdout: int, cwd: Path = Path("/")) -> subprocess.Popen[bytes]:
        """Start `argv` as this user, in a session of its own, with nothing of our environment."""
        return subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=_CALM_ENVIRONMENT,
            umask=0o077,
            start_new_session=True,
            user=self.uid if self.switch else None,
            group=self.gid if self.switch else None,
            extra_groups=() if self.switch else None,
        )

    def run(self, argv: Sequence[str | Path], *, timeout: float) -> tuple[int, str]:
        """Run `argv` as this user to its end; its exit code and all it said. Seconds."""
        process = self.spawn(argv, stdout=subprocess.PIPE)
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            return -1, output.decode(errors="replace") + f"\nerror: not done after {timeout:g} s"
        return process.returncode, output.decode(errors="replace")

    def can_enter(self, folder: Path) -> bool:
        """Whether this user gets into `folder`: asked of the kernel, so access lists and mounts count too."""
        if not self.switch:
            return os.access(folder, os.R_OK | os.W_OK | os.X_OK)
        code, _ = self.run(["/bin/sh", "-c", 'cd "$0"', folder], timeout=10)
        return code == 0

    def can_execute(self, program: Path) -> bool:
        """Whether this user can load and run `program`."""
        try:
            code, _ = self.run([program, "--version"], timeout=10)
        except OSError:
            return False
        return code == 0

    def give_ownership(self, path: Path, mode: int) -> None:
        """Make `path` this user's own, with `mode`."""
        path.chmod(mode)
        if self.switch:
            os.chown(path, self.uid, self.gid)


def choose_os_user(data: Path) -> OsUser:
    """The user to run the server of `data` as; the owner of existing data stays its user."""
    owner = data.stat().st_uid if data.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner != os.geteuid():
            raise _foreign(data, owner)
        return OsUser(name=_name_of(os.geteuid()), uid=os.geteuid(), gid=os.getegid(), switch=False)
    known = [entry for entry in map(_lookup, SYSTEM_USERS) if entry is not None]
    if owner is not None:
        known = [entry for entry in known if entry.pw_uid == owner]
        if not known:
            raise _foreign(data, owner)
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


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _foreign(data: Path, owner: int) -> EmbeddedServerError:
    name = _name_of(owner)
    return EmbeddedServerError(
        f"The data directory {data} belongs to the user {name}; run Headgate as {name} or set HEADGATE_HOME to another folder."
    )
