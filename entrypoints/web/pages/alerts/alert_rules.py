"""Site-wide alert rules: the list, and the forms that create, change and delete them."""

from fastapi import APIRouter, Depends, Request, Response

from application.queries.views.alerts import AlertRuleView
from domain.alerts.rule import AlertEvent
from domain.errors import Conflict, InvalidInput, NotFound
from entrypoints.http.auth.caller import get_actor
from entrypoints.http.auth.permissions import ADMIN, READ, requires
from entrypoints.http.base_path import redirect
from entrypoints.web.form_data import parse_form
from entrypoints.web.lookups import get_application
from entrypoints.web.page_context import get_page_context, load_page_frame
from entrypoints.web.templating import render_page
from entrypoints.web.view_models.alerts.labels import EVENT_WORDS
from entrypoints.web.view_models.alerts.rule_form import RuleForm
from entrypoints.web.view_models.alerts.rules import build_site_rule_item

router = APIRouter(include_in_schema=False, dependencies=[Depends(load_page_frame)])
CSS = ("alerts.css", "access.css")
PATH = "/ui/alert-rules"


@router.get(PATH)
@requires(READ)
async def list_alert_rules(request: Request) -> Response:
    """Show the site-wide rules, and the form for a new one."""
    return await _render_list(request, RuleForm.create(), 200)


@router.post(PATH)
@requires(ADMIN)
async def create_alert_rule(request: Request) -> Response:
    """Create the rule, or show the form again with its errors."""
    form = RuleForm.create().parse(await parse_form(request))
    try:
        await get_application(request).create_alert_rule()(form.raw, get_actor(request))
    except InvalidInput as error:
        return await _render_list(request, form.with_problems(error.problems), 422)
    except Conflict as error:
        return await _render_list(request, form.with_sentence(str(error)), 409)
    return redirect(PATH)


@router.get(f"{PATH}/{{name}}")
@requires(READ)
async def show_alert_rule(request: Request, name: str) -> Response:
    """Show a rule, and the form that changes it."""
    view = await _require_rule(request, name)
    return await _render_rule(request, view, RuleForm.edit(view), 200)


@router.post(f"{PATH}/{{name}}")
@requires(ADMIN)
async def change_alert_rule(request: Request, name: str) -> Response:
    """Change the rule, or show the form again with its errors."""
    view = await _require_rule(request, name)
    form = RuleForm.edit(view).parse(await parse_form(request))
    try:
        await get_application(request).change_alert_rule()(name, form.raw, get_actor(request))
    except InvalidInput as error:
        return await _render_rule(request, view, form.with_problems(error.problems), 422)
    except Conflict as error:
        return await _render_rule(request, view, form.with_sentence(str(error)), 409)
    return redirect(PATH)


@router.get(f"{PATH}/{{name}}/delete")
@requires(ADMIN)
async def show_delete_form(request: Request, name: str) -> Response:
    """Ask for confirmation."""
    rule = build_site_rule_item(await _require_rule(request, name))
    return render_page(request, "alerts/delete_alert_rule.html", section="system", css=CSS, rule=rule)


@router.post(f"{PATH}/{{name}}/delete")
@requires(ADMIN)
async def delete_alert_rule(request: Request, name: str) -> Response:
    """Delete the rule. Its incidents are closed without a message."""
    view = await _require_rule(request, name)
    await get_application(request).delete_alert_rule()(view.name, get_actor(request))
    return redirect(PATH)


async def _require_rule(request: Request, name: str) -> AlertRuleView:
    view = await get_page_context(request).reader.alert_rule(name)
    if view is None:
        raise NotFound("alert rule", name)
    return view


async def _render_list(request: Request, form: RuleForm, status: int) -> Response:
    rules = await get_page_context(request).reader.alert_rules()
    return await _render(request, "alerts/alert_rules.html", form, status, rules=[build_site_rule_item(each) for each in rules])


async def _render_rule(request: Request, view: AlertRuleView, form: RuleForm, status: int) -> Response:
    return await _render(request, "alerts/alert_rule.html", form, status, rule=build_site_rule_item(view))


async def _render(request: Request, template: str, form: RuleForm, status: int, **values: object) -> Response:
    channels = [channel.name for channel in await get_page_context(request).reader.channels()]
    events = [(event.value, EVENT_WORDS[event]) for event in AlertEvent]
    return render_page(request, template, status, section="system", css=CSS, form=form, channels=channels, events=events, **values)
