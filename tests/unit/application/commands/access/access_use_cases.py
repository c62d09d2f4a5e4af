"""The use cases of accounts, sessions and tokens, over fakes."""

from datetime import timedelta

from application.commands.access.change_account import ChangeAccount
from application.commands.access.change_password import ChangePassword
from application.commands.access.create_account import CreateAccount
from application.commands.access.create_token import CreateToken
from application.commands.access.open_session import OpenSession, SignInResult
from application.commands.access.revoke_token import RevokeToken
from application.commands.access.sign_in import SignIn
from application.commands.access.sign_in_by_identity import SignInByIdentity
from application.commands.access.sign_out import SignOut
from application.queries.access.authenticator import Authenticator
from domain.access.actor import Actor
from domain.access.audit import AuditAction
from domain.access.permissions import Role
from domain.access.sessions import SessionRules
from tests.fakes import FakeAdapters
from tests.support.builders import a_definition

PASSWORD = "four words of mine"


RULES = SessionRules(idle=timedelta(hours=12), absolute=timedelta(days=7))


ADMIN = Actor("root", ("admin",), "session", "10.0.0.9")


class AccessUseCases:
    """The use cases of accounts, sessions and tokens, over fakes."""

    def __init__(self, roles: dict[str, Role] | None = None) -> None:
        self.fakes = fakes = FakeAdapters()
        open_unit_of_work, clock = fakes.open_unit_of_work, fakes.clock
        open_session = OpenSession(fakes.credentials, RULES)
        self.authenticator = Authenticator(open_unit_of_work, fakes.credentials, clock, RULES)
        invalidate_callers = self.authenticator.invalidate_callers
        self.sign_in = SignIn(open_unit_of_work, fakes.passwords, fakes.sign_in_limiter, clock, open_session)
        self.sign_in_by_identity = SignInByIdentity(open_unit_of_work, clock, open_session, roles or {})
        self.sign_out = SignOut(open_unit_of_work, fakes.credentials, clock, invalidate_callers)
        self.create = CreateAccount(open_unit_of_work, fakes.passwords, clock)
        self.change = ChangeAccount(open_unit_of_work, fakes.passwords, clock, invalidate_callers)
        self.change_password = ChangePassword(open_unit_of_work, fakes.passwords, fakes.credentials, clock, invalidate_callers)
        self.create_token = CreateToken(open_unit_of_work, fakes.credentials, clock)
        self.revoke_token = RevokeToken(open_unit_of_work, clock, invalidate_callers)

    async def sign_in_ada(self, role: Role = Role.OPERATOR) -> SignInResult:
        await self.create("ada", role, PASSWORD, ADMIN)
        return await self.sign_in("ada", PASSWORD, "10.0.0.1")

    async def create_pipeline(self, name: str = "flights") -> int:
        async with self.fakes.open_unit_of_work() as work:
            created = await work.pipelines.add(a_definition(name), self.fakes.clock.now())
            await work.commit()
        return created.id

    @property
    def audited(self) -> list[tuple[AuditAction, str | None]]:
        return [(entry.action, entry.actor) for entry in self.fakes.store.committed.audit.values()]
