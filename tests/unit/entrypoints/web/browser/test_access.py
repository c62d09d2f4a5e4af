"""Sign-in, tokens, accounts and the audit log in a real browser."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from adapters.system.clock import SystemClock
from application.ports.persistence.workers import WorkerStatus
from domain.access.actor import Actor
from domain.access.api_tokens import TokenKind
from domain.access.permissions import Role
from tests.support.accessibility import expect_fits_phone_in_both_themes
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate
from tests.support.servers import ThreadServer
from tests.unit.entrypoints.web.browser.page_waiting import arrived

OpenPage = Callable[..., Page]
PASSWORD = "four words of mine"
REFUSED = ("status of 401", "status of 403", "status of 409", "status of 422", "Clear-Site-Data")


@pytest.fixture
def team() -> Iterator[ThreadServer]:
    with InProcessHeadgate(clock=SystemClock(), auth="team").serve_in_thread() as served:
        for role in Role:
            served.do(served.headgate.application.create_account()(f"{role}-ada", role, PASSWORD, Actor()))
        yield served


def add_worker_token(team: ThreadServer) -> None:
    """Create a worker token that an online worker uses."""
    team.do(team.headgate.api.create_token(kind=TokenKind.WORKER))
    worker = WorkerStatus("w", "a-machine-with-a-rather-long-name-in-the-basement", "headgate", 4, 3, token_id=1)
    team.do(team.headgate.application.register_worker()(worker, Actor("token ci", address="2001:db8:1234:5678:9abc:def0:1234:5678")))


def sign_in(page: Page, role: Role, password: str = PASSWORD) -> None:
    """Submit the sign-in form and wait for the response, whether or not it succeeds."""
    page.get_by_label("Name").fill(f"{role}-ada")
    page.get_by_label("Password").fill(password)
    with page.expect_navigation():
        page.get_by_role("button", name="Sign in").click()


def test_a_visitor_signs_in_and_returns_to_the_requested_page(team: ThreadServer, open_page: OpenPage) -> None:
    page = open_page(f"{team.url}/ui/runs?status=failed", expected=REFUSED)
    expect(page).to_have_url(f"{team.url}/ui/sign-in?next=%2Fui%2Fruns%3Fstatus%3Dfailed")

    sign_in(page, Role.VIEWER, "not the password")
    expect(page.get_by_role("alert")).to_have_text("Wrong name or password.")
    sign_in(page, Role.VIEWER)

    expect(page).to_have_url(f"{team.url}/ui/runs?status=failed")
    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["secure"], cookie["sameSite"], cookie["path"]) == (
        "__Host-headgate",
        True,
        True,
        "Lax",
        "/",
    )


def test_a_visitor_sees_neither_the_waiting_count_nor_the_navigation(team: ThreadServer, open_page: OpenPage) -> None:
    headgate = team.headgate
    team.do(headgate.stories.open_run(team.do(headgate.stories.add_pipeline(stages=[a_stage("ask", "approval")]))))

    page = open_page(f"{team.url}/ui/sign-in")
    expect(page.get_by_role("navigation", name="Main")).to_have_count(0)
    expect(page.locator("#waiting-count")).to_have_count(0)
    sign_in(page, Role.VIEWER)

    expect(page.locator("#waiting-count")).to_have_text("1")


def test_an_account_is_disabled_on_a_phone_without_sideways_scrolling(team: ThreadServer, open_page: OpenPage) -> None:
    page = open_page(f"{team.url}/ui/accounts", viewport={"width": 360, "height": 740}, expected=REFUSED)
    sign_in(page, Role.ADMIN)

    button = page.get_by_role("button", name="Disable viewer-ada")
    box = button.bounding_box()

    assert box is not None
    assert box["x"] + box["width"] <= 360 - 8


def test_signing_out_ends_the_session_not_only_the_cookie(team: ThreadServer, open_page: OpenPage) -> None:
    page = open_page(f"{team.url}/", expected=REFUSED)
    sign_in(page, Role.VIEWER)
    (cookie,) = page.context.cookies()
    page.get_by_role("link", name="viewer-ada").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    answer = httpx.get(f"{team.url}/pipelines/", headers={"Cookie": f"{cookie['name']}={cookie['value']}"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("role", "buttons"),
    [(Role.VIEWER, set()), (Role.OPERATOR, {"Trigger"}), (Role.ADMIN, {"Trigger", "Edit"})],
)
def test_a_page_shows_only_the_buttons_that_the_user_may_use(
    team: ThreadServer, open_page: OpenPage, role: Role, buttons: set[str]
) -> None:
    pipeline = team.do(team.headgate.stories.add_pipeline("nightly"))
    page = open_page(f"{team.url}/ui/pipelines/{pipeline.id}")
    sign_in(page, role)
    expect(page.get_by_role("heading", name="nightly", level=1)).to_be_visible()

    shown = {word for word in ("Trigger", "Edit") if page.locator(".page-head .actions").get_by_text(word).count()}
    assert shown == buttons


@pytest.mark.parametrize(("role", "ways_out"), [(Role.VIEWER, 0), (Role.OPERATOR, 1)])
def test_the_board_hides_actions_that_the_user_may_not_take(team: ThreadServer, open_page: OpenPage, role: Role, ways_out: int) -> None:
    pipeline = team.do(team.headgate.stories.add_pipeline(f"asks-{role}", [a_stage("publish", "approval")]))
    team.do(team.headgate.stories.open_run(pipeline))
    page = open_page(team.url)
    sign_in(page, role)
    row = page.locator(f"#pipeline-{pipeline.id}")
    expect(row.get_by_text("Waiting for approval of")).to_be_visible()

    expect(row.get_by_role("link", name="Approve or reject")).to_have_count(ways_out)


def test_a_form_without_the_csrf_token_does_nothing(team: ThreadServer, open_page: OpenPage) -> None:
    pipeline = team.do(team.headgate.stories.add_pipeline("nightly"))
    page = open_page(f"{team.url}/ui/pipelines/{pipeline.id}", expected=REFUSED)
    sign_in(page, Role.OPERATOR)
    page.locator("form[action$='/trigger'] input[name=_key]").first.evaluate("field => { field.value = 'guessed' }")
    page.get_by_role("button", name="Trigger").first.click()
    arrived(page, "body", "The form has expired or comes from another site")
    assert not team.headgate.fakes.store.committed.runs

    page.goto(f"{team.url}/ui/pipelines/{pipeline.id}")
    page.get_by_role("button", name="Trigger").first.click()
    expect(page.locator("h1")).to_contain_text("nightly#1")
    (run,) = team.headgate.fakes.store.committed.runs.values()
    assert run.trigger.actor == "operator-ada"


def test_a_reporter_token_is_created_used_and_revoked(team: ThreadServer, open_page: OpenPage) -> None:
    team.do(team.headgate.stories.add_pipeline("backup", [a_stage("dump", "external")]))
    page = open_page(f"{team.url}/ui/tokens?pipeline=backup", permissions=["clipboard-read", "clipboard-write"])
    sign_in(page, Role.ADMIN)
    page.get_by_label("Name").fill("the backup machine")
    page.get_by_role("button", name="Create token").click()
    expect(page.locator("#first-report")).to_contain_text("Waiting for the first report")
    token = page.locator("pre.code").first.inner_text().strip()
    line = page.locator("pre.code").nth(1).inner_text()
    assert line.startswith("curl ") and token in line and "/status-update/" in line
    page.reload()
    expect(page.locator("pre.code").first).to_have_text(token)
    page.goto(f"{team.url}/ui/tokens")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.go_back()

    headers = {"Authorization": f"Bearer {token}"}
    response = httpx.post(f"{team.url}/status-update/", json={"stage_name": "dump", "status": "running"}, headers=headers)
    assert response.json()["applied"] is True, response.text
    expect(page.locator("#first-report")).to_contain_text("First report received")

    page.get_by_role("button", name="Revoke token").click()
    expect(page.locator("tbody tr")).to_contain_text("revoked")
    expect(page.locator("body")).not_to_contain_text(token)
    assert httpx.post(f"{team.url}/status-update/", json={"status": "running"}, headers=headers).status_code == 401


def test_an_admin_creates_an_account_changes_its_role_and_disables_it(team: ThreadServer, open_page: OpenPage) -> None:
    page = open_page(f"{team.url}/ui/accounts", expected=REFUSED)
    sign_in(page, Role.ADMIN)
    form = page.locator("section", has=page.get_by_role("heading", name="New account"))
    form.get_by_label("Name").fill("Eve")
    form.get_by_label("Password").fill("short")
    form.get_by_role("button").click()
    expect(page.get_by_role("alert")).to_contain_text("12 to 200 characters")
    form.get_by_label("Password").fill("another four words")
    form.get_by_role("button").click()
    row = page.locator("tbody tr", has_text="eve")
    row.get_by_label("Role of eve").select_option("operator")
    with page.expect_navigation():  # before that, the old page shows the chosen role too
        row.get_by_role("button", name="Save role of eve").click()
    expect(row.get_by_label("Role of eve")).to_have_value("operator")
    row.get_by_role("button", name="Disable eve").click()
    expect(row).to_contain_text("Disabled")

    last = page.locator("tbody tr", has_text="admin-ada")
    last.get_by_role("button", name="Disable admin-ada").click()
    expect(page.get_by_role("alert")).to_have_text("admin-ada is the last admin. Give another account the role admin first.")


def test_the_audit_log_names_who_did_what(team: ThreadServer, open_page: OpenPage) -> None:
    pipeline = team.do(team.headgate.stories.add_pipeline("nightly"))
    page = open_page(f"{team.url}/ui/pipelines/{pipeline.id}")
    sign_in(page, Role.ADMIN)
    page.get_by_role("button", name="Trigger").first.click()
    arrived(page, "h1", "nightly#1")
    page.goto(f"{team.url}/ui/audit?who=admin-ada")

    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("tbody tr").first).to_contain_text("triggered")
    expect(page.locator("tbody tr").first).to_contain_text("127.0.0.1")
    page.locator("tbody tr").first.get_by_role("link").click()
    expect(page.locator("h1")).to_contain_text("nightly#1")


def test_changing_a_password_ends_every_other_session(team: ThreadServer, open_page: OpenPage) -> None:
    elsewhere, page = open_page(f"{team.url}/"), open_page(f"{team.url}/ui/account", expected=REFUSED)
    for each in (elsewhere, page):
        sign_in(each, Role.VIEWER)
    page.get_by_label("Current password").fill("wrong")
    page.get_by_label("New password", exact=False).first.fill("seven other words")
    page.get_by_label("Repeat new password").fill("seven other words")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("alert")).to_contain_text("is not the current password")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password", exact=False).first.fill("seven other words")
    page.get_by_label("Repeat new password").fill("seven other words")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("status").filter(has_text="Password changed")).to_be_visible()

    elsewhere.goto(f"{team.url}/ui/runs")
    expect(elsewhere.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(f"{team.url}/ui/runs")
    expect(page.get_by_role("heading", name="Runs", level=1)).to_be_visible()


def test_axe_finds_no_issues_and_a_phone_needs_no_sideways_scrolling(team: ThreadServer, open_page: OpenPage) -> None:
    team.do(team.headgate.stories.add_pipeline("backup", [a_stage("dump", "external")]))
    add_worker_token(team)
    page = open_page(f"{team.url}/ui/tokens", viewport={"width": 360, "height": 780}, bypass_csp=True)
    for address in (None, "/ui/tokens", "/ui/accounts", "/ui/audit", "/ui/account", "/ui/tokens/1", "/ui/tokens/2", "/ui/system"):
        if address == "/ui/tokens":
            sign_in(page, Role.ADMIN)
            page.get_by_label("Name").fill("ci")
            page.get_by_label("read").check()
            with page.expect_navigation():
                page.get_by_role("button", name="Create token").click()
        if address is not None:
            page.goto(team.url + address)
        expect_fits_phone_in_both_themes(page)
