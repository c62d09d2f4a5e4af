"""The routers of all pages, live streams and static files, in the order in which the application registers them."""

from entrypoints.web import static_files
from entrypoints.web.live import routes as live
from entrypoints.web.pages import groups, prefect, schedule, system, waiting
from entrypoints.web.pages.access import account, accounts, audit, sign_in, tokens
from entrypoints.web.pages.alerts import alert_rules, channel_actions, channel_forms, channels, incident_actions, incidents, links, silences
from entrypoints.web.pages.backfills import controls as backfill_controls
from entrypoints.web.pages.backfills import lists as backfill_lists
from entrypoints.web.pages.pipelines import (
    activation,
    board,
    clone,
    deployments,
    edit,
    new_pipeline,
    pipeline,
    restore,
    revisions,
    schedules,
    trigger,
)
from entrypoints.web.pages.runs import bulk_actions, comparison, log, over_limit, run, run_actions, run_list, stage

ROUTERS = (
    board.router,
    pipeline.router,
    activation.router,
    sign_in.router,
    tokens.router,
    accounts.router,
    account.router,
    audit.router,
    trigger.router,
    new_pipeline.router,
    revisions.router,
    edit.router,
    restore.router,
    clone.router,
    deployments.router,
    schedules.router,
    run_list.router,
    bulk_actions.router,
    run.router,
    log.router,
    comparison.router,
    run_actions.router,
    over_limit.router,
    stage.router,
    prefect.router,
    schedule.router,
    backfill_lists.router,
    backfill_controls.router,
    groups.router,
    incidents.router,
    incident_actions.router,
    channels.router,
    channel_actions.router,
    channel_forms.router,
    links.router,
    silences.router,
    alert_rules.router,
    waiting.router,
    system.router,
    live.router,
    static_files.router,
)
