"""The composition root: which adapter implements which port, and what each use case and service needs."""

import logging
import os
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from dependency_injector import containers, providers

from adapters.delivery.alert_channels import build_channel_sender, build_channel_settings, build_outgoing_http
from adapters.delivery.event_sinks import build_event_sinks
from adapters.delivery.page_urls import PublicPageUrls
from adapters.identity.argon2_passwords import Argon2Passwords
from adapters.identity.hmac_action_tokens import HmacActionTokens
from adapters.identity.hmac_tokens import HmacTokens
from adapters.identity.random_credentials import RandomCredentials
from adapters.identity.sign_in_limiter import InMemorySignInLimiter
from adapters.orchestration.prefect_deployments import PrefectDeployments
from adapters.orchestration.prefect_orchestrator import PrefectOrchestrator
from adapters.persistence.database import Database
from adapters.system.cronsim_expressions import CronsimExpressions
from adapters.system.disk_space import HomeDiskSpace
from adapters.system.json_schema.validator import JsonSchemaValidator
from adapters.system.worker_streams import InMemoryWorkerStreams
from adapters.telemetry.null import NullTelemetry
from application.commands.access.change_account import ChangeAccount
from application.commands.access.change_password import ChangePassword
from application.commands.access.create_account import CreateAccount
from application.commands.access.create_token import CreateToken
from application.commands.access.open_session import OpenSession
from application.commands.access.revoke_token import RevokeToken
from application.commands.access.sign_in import SignIn
from application.commands.access.sign_in_by_identity import SignInByIdentity
from application.commands.access.sign_out import SignOut
from application.commands.alerts.acknowledge_incident import AcknowledgeIncident
from application.commands.alerts.change_alert_rule import ChangeAlertRule
from application.commands.alerts.change_channel import ChangeChannel
from application.commands.alerts.change_incident import ChangeIncident
from application.commands.alerts.create_alert_rule import CreateAlertRule
from application.commands.alerts.create_channel import CreateChannel
from application.commands.alerts.create_silence import CreateSilence
from application.commands.alerts.delete_alert_rule import DeleteAlertRule
from application.commands.alerts.delete_channel import DeleteChannel
from application.commands.alerts.end_silence import EndSilence
from application.commands.alerts.resolve_incident import ResolveIncident
from application.commands.alerts.snooze_incident import SnoozeIncident
from application.commands.alerts.test_channel import TestChannel
from application.commands.alerts.use_link import UseLink
from application.commands.backfills.cancel_backfill import CancelBackfill
from application.commands.backfills.change_backfill import ChangeBackfill
from application.commands.backfills.pause_backfill import PauseBackfill
from application.commands.backfills.preview_backfill import PreviewBackfill
from application.commands.backfills.resume_backfill import ResumeBackfill
from application.commands.backfills.start_backfill import StartBackfill
from application.commands.concurrency.set_group_limit import SetGroupLimit
from application.commands.concurrency.start_over_limit import StartOverLimit
from application.commands.dispatches.advance_dispatch import AdvanceDispatch
from application.commands.dispatches.cancel_from_prefect import CancelFromPrefect
from application.commands.dispatches.claim_dispatch import ClaimDispatch
from application.commands.dispatches.claims import DispatchRules
from application.commands.dispatches.eager_claim import EagerClaimer
from application.commands.dispatches.record_dispatch import RecordDispatch
from application.commands.dispatches.record_flow_run import RecordFlowRun
from application.commands.dispatches.release_quarantine import ReleaseQuarantine
from application.commands.pipelines.apply_definition import ApplyDefinition
from application.commands.pipelines.archive_pipeline import ArchivePipeline
from application.commands.pipelines.change_activation import ChangeActivation
from application.commands.pipelines.change_pipeline import ChangePipeline
from application.commands.pipelines.create_pipeline import CreatePipeline
from application.commands.pipelines.delete_pipeline import DeletePipeline
from application.commands.pipelines.pause_pipeline import PausePipeline
from application.commands.pipelines.restore_revision import RestoreRevision
from application.commands.pipelines.resume_pipeline import ResumePipeline
from application.commands.pipelines.unarchive_pipeline import UnarchivePipeline
from application.commands.reports.report_status import ReportStatus
from application.commands.runs.append_log import AppendLog
from application.commands.runs.apply_run_action import ApplyRunAction
from application.commands.runs.cancel_run import CancelRun
from application.commands.runs.cancel_stage import CancelStage
from application.commands.runs.decide_approval import DecideApproval
from application.commands.runs.repeat_run import RepeatRun
from application.commands.runs.retry_run import RetryRun
from application.commands.runs.run_opener import RunOpener
from application.commands.runs.skip_stage import SkipStage
from application.commands.runs.trigger_pipeline import TriggerPipeline
from application.commands.schedules.change_pause import ChangePause
from application.commands.schedules.pause_schedule import PauseSchedule
from application.commands.schedules.resume_schedule import ResumeSchedule
from application.commands.schedules.run_schedule import RunSchedule
from application.commands.workers.record_heartbeat import RecordHeartbeat
from application.commands.workers.register_worker import RegisterWorker
from application.commands.workers.unregister_worker import UnregisterWorker
from application.observability.alert_telemetry import AlertTelemetry
from application.observability.delivery_tracer import DeliveryTracer
from application.observability.instrumented_unit_of_work import instrument_unit_of_work
from application.observability.instrumented_use_case import instrument_use_case
from application.observability.use_case_hooks import (
    attach_trace_context,
    count_advance_verdicts,
    count_verdicts,
    tag_claim,
    tag_dispatch,
    tag_triggered,
)
from application.ports.access.identity_provider import IdentityProvider
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.queries.change_feed import ChangeFeed
from application.ports.queries.reader import Reader
from application.ports.system.clock import Clock
from application.ports.telemetry.event_sinks import EventSink
from application.ports.telemetry.telemetry import Telemetry
from application.queries.access.access_queries import AccessQueries
from application.queries.access.authenticator import Authenticator
from application.queries.alerts.describe_link import DescribeLink
from application.queries.explain_day.explain_day import ExplainDay
from application.queries.schedules.expectations import JudgeExpectations
from application.queries.schedules.preview import PreviewTicks
from application.services.alerts.alert_judge import AlertJudge
from application.services.alerts.batch_judging import BatchJudging
from application.services.alerts.expectation_facts import ExpectationFacts
from application.services.alerts.expectation_judge import ExpectationJudge
from application.services.alerts.message_planner import MessagePlanner
from application.services.backfills.backfill_planner import BackfillPlanner
from application.services.backfills.backfill_service import BackfillService
from application.services.batching.advance_batcher import AdvanceBatcher
from application.services.batching.report_batcher import ReportBatcher
from application.services.batching.trigger_batcher import TriggerBatcher
from application.services.concurrency.grant_service import GrantService
from application.services.deliveries.action_links import ActionLinks
from application.services.deliveries.delivery_recorder import DeliveryRecorder
from application.services.deliveries.delivery_service import DeliveryService
from application.services.deliveries.drill_service import DrillService
from application.services.deliveries.due_deliveries import DueDeliveries
from application.services.deliveries.message_sender import MessageSender
from application.services.dispatch.dispatcher import Dispatcher
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.dispatch.outbox_relay import OutboxRelay
from application.services.dispatch.prefect_reconciler import PrefectReconciler
from application.services.feed.change_notifier import ChangeNotifier
from application.services.feed.event_hub import EventHub
from application.services.feed.feed_reader import FeedReader
from application.services.flow_runs.deployment_checks import DeploymentChecks
from application.services.flow_runs.deployment_lookup import DeploymentLookup
from application.services.flow_runs.flow_log_importer import FlowLogImporter
from application.services.flow_runs.flow_run_changes import FlowRunChanges
from application.services.flow_runs.flow_run_ends import FlowRunEnds
from application.services.flow_runs.flow_run_follower import FlowRunFollower
from application.services.flow_runs.flow_run_submitter import FlowRunSubmitter
from application.services.flow_runs.log_interest import LogInterest
from application.services.lifecycle.event_mapper import EventMapper
from application.services.lifecycle.event_publisher import LifecycleEventPublisher
from application.services.maintenance.due_run_sweeper import DueRunSweeper
from application.services.maintenance.lease_sweeper import LeaseSweeper
from application.services.maintenance.metrics_collector import MetricsCollector
from application.services.maintenance.pause_ender import PauseEnder
from application.services.maintenance.pipeline_deleter import PipelineDeleter
from application.services.maintenance.retention_pruner import RetentionPolicy, RetentionPruner
from application.services.maintenance.settings_reencrypter import SettingsReencrypter
from application.services.maintenance.token_stream_closer import TokenStreamCloser
from application.services.messages.message_composer import MessageComposer
from application.services.schedules.schedule_pauses import SchedulePauses
from application.services.schedules.schedule_sync import ScheduleSync
from application.services.schedules.schedule_times import ScheduleTimes
from application.services.schedules.tick_service import TickService
from domain.access.sessions import SessionRules


def _instrumented(telemetry: Any, use_case: Any, **hooks: Any) -> providers.Singleton[Any]:
    """Return a provider of the use case with a span, a duration metric and an error count. Without telemetry: of the use case itself."""
    return providers.Singleton(instrument_use_case, telemetry, use_case, **hooks)


def _build_lifecycle_publishers(
    event_sinks: Sequence[EventSink], feed: ChangeFeed, reader: Reader, open_unit_of_work: OpenUnitOfWork, installation: str
) -> list[LifecycleEventPublisher]:
    """Return one publisher per event sink, so that no sink waits for another."""
    event_mapper, process_id = EventMapper(installation), f"web-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    return [LifecycleEventPublisher(event_sink, feed, reader, open_unit_of_work, event_mapper, process_id) for event_sink in event_sinks]


def _build_eager_claimer(
    worker_streams: Any, tokens: Any, dispatch_rules: Callable[[], DispatchRules], warm_pools: Any, dispatcher: Callable[[], Dispatcher]
) -> EagerClaimer:
    """Pass providers for what needs the database, so that the web process can start without one."""
    return EagerClaimer(worker_streams, tokens, dispatch_rules, frozenset(warm_pools), lambda pool: dispatcher().has_waiting_dispatch(pool))


def _report_error(source: str, error: Exception) -> None:
    """Log an error that did not stop what its source does."""
    logging.getLogger("headgate.alerts").error("%s failed", source, exc_info=error)


def _build_session_rules(settings: Any) -> SessionRules:
    return SessionRules(timedelta(hours=settings.session_idle_hours), timedelta(days=settings.session_days))


class Application(containers.DeclarativeContainer):
    """Use cases, queries and background services. `adapters` provides an implementation of every port, by one attribute each."""

    settings: providers.Dependency[Any] = providers.Dependency()
    adapters: Any = providers.DependenciesContainer()
    telemetry: providers.Dependency[Telemetry] = providers.Dependency(default=providers.Object(NullTelemetry()))

    dispatch_rules = providers.Singleton(DispatchRules, installation=adapters.installation, lease_seconds=settings.provided.lease_seconds)
    warm_pools: providers.Singleton[frozenset[str]] = providers.Singleton(frozenset, settings.provided.warm_pools)
    hub = providers.Singleton(EventHub)
    wakeups = providers.Singleton(LocalWakeups, adapters.worker_streams, warm_pools)

    schedule_times = providers.Singleton(ScheduleTimes, adapters.cron_expressions)
    schedule_pauses = providers.Singleton(SchedulePauses, schedule_times)
    schedule_sync = providers.Singleton(ScheduleSync, schedule_times)
    deployment_lookup = providers.Singleton(DeploymentLookup, adapters.deployments)
    deployment_checks = providers.Singleton(DeploymentChecks, deployment_lookup, adapters.schemas)
    definition_storage = (
        adapters.open_unit_of_work,
        adapters.schemas,
        adapters.cron_expressions,
        adapters.clock,
        wakeups,
        schedule_sync,
        deployment_checks,
    )
    pipeline_creation = providers.Singleton(CreatePipeline, *definition_storage)
    create_pipeline = _instrumented(telemetry, pipeline_creation)
    pipeline_changes = providers.Singleton(ChangePipeline, *definition_storage)
    change_pipeline = _instrumented(telemetry, pipeline_changes)
    apply_definition = _instrumented(
        telemetry, providers.Singleton(ApplyDefinition, adapters.open_unit_of_work, pipeline_creation, pipeline_changes)
    )
    restore_revision = _instrumented(telemetry, providers.Singleton(RestoreRevision, adapters.open_unit_of_work, pipeline_changes))
    change_activation = providers.Singleton(ChangeActivation, adapters.open_unit_of_work, adapters.clock, wakeups, schedule_pauses)
    pause_pipeline = _instrumented(telemetry, providers.Singleton(PausePipeline, change_activation))
    resume_pipeline = _instrumented(telemetry, providers.Singleton(ResumePipeline, change_activation))
    archive_pipeline = _instrumented(telemetry, providers.Singleton(ArchivePipeline, change_activation))
    unarchive_pipeline = _instrumented(telemetry, providers.Singleton(UnarchivePipeline, change_activation))
    delete_pipeline = _instrumented(telemetry, providers.Singleton(DeletePipeline, adapters.open_unit_of_work, adapters.clock, wakeups))
    set_group_limit = _instrumented(telemetry, providers.Singleton(SetGroupLimit, adapters.open_unit_of_work, adapters.clock, wakeups))
    judge_expectations = providers.Singleton(JudgeExpectations, adapters.cron_expressions)
    explain_day = providers.Singleton(
        ExplainDay, adapters.reader, adapters.cron_expressions, adapters.clock, settings.provided.keep_events_days
    )
    preview_ticks = providers.Singleton(PreviewTicks, adapters.cron_expressions, adapters.clock)
    claim_dispatch = _instrumented(
        telemetry,
        providers.Singleton(ClaimDispatch, adapters.open_unit_of_work, adapters.tokens, adapters.clock, wakeups, dispatch_rules),
        after=tag_claim,
    )
    dispatcher = providers.Singleton(
        Dispatcher, adapters.worker_streams, wakeups, claim_dispatch, adapters.open_unit_of_work, telemetry.provided.use_context
    )
    eager_claimer = providers.Singleton(
        _build_eager_claimer,
        adapters.worker_streams,
        adapters.tokens,
        dispatch_rules.provider,
        settings.provided.warm_pools,
        dispatcher.provider,
    )
    run_opener = providers.Singleton(
        RunOpener, adapters.schemas, adapters.clock, wakeups, adapters.disk_space, eager_claimer, deployment_checks
    )
    trigger_batcher = providers.Singleton(
        TriggerBatcher,
        providers.Singleton(TriggerPipeline, adapters.open_unit_of_work, run_opener),
    )
    trigger_pipeline = _instrumented(telemetry, trigger_batcher, name="TriggerPipeline", before=attach_trace_context, after=tag_triggered)
    change_pause = providers.Singleton(ChangePause, adapters.open_unit_of_work, adapters.clock, wakeups)
    pause_schedule = _instrumented(telemetry, providers.Singleton(PauseSchedule, change_pause, schedule_pauses))
    resume_schedule = _instrumented(telemetry, providers.Singleton(ResumeSchedule, change_pause, schedule_pauses))
    run_schedule = _instrumented(
        telemetry,
        providers.Singleton(RunSchedule, adapters.open_unit_of_work, run_opener),
        before=attach_trace_context,
        after=tag_triggered,
    )
    backfill_planner = providers.Singleton(BackfillPlanner, adapters.cron_expressions, run_opener)
    preview_backfill = _instrumented(telemetry, providers.Singleton(PreviewBackfill, adapters.open_unit_of_work, backfill_planner))
    start_backfill = _instrumented(telemetry, providers.Singleton(StartBackfill, adapters.open_unit_of_work, backfill_planner, wakeups))
    change_backfill = providers.Singleton(ChangeBackfill, adapters.open_unit_of_work, adapters.clock, wakeups)
    pause_backfill = _instrumented(telemetry, providers.Singleton(PauseBackfill, change_backfill))
    resume_backfill = _instrumented(telemetry, providers.Singleton(ResumeBackfill, change_backfill))
    cancel_backfill = _instrumented(telemetry, providers.Singleton(CancelBackfill, change_backfill))
    message_planner = providers.Singleton(MessagePlanner)
    change_incident = providers.Singleton(ChangeIncident, adapters.open_unit_of_work, adapters.clock, wakeups)
    acknowledge_incident = _instrumented(telemetry, providers.Singleton(AcknowledgeIncident, change_incident))
    describe_link = providers.Singleton(DescribeLink, adapters.open_unit_of_work, adapters.action_tokens, adapters.clock)
    test_channel = _instrumented(telemetry, providers.Singleton(TestChannel, adapters.open_unit_of_work, adapters.clock, wakeups))
    snooze_incident = _instrumented(telemetry, providers.Singleton(SnoozeIncident, change_incident, message_planner))
    resolve_incident = _instrumented(telemetry, providers.Singleton(ResolveIncident, change_incident, message_planner))
    create_silence = _instrumented(telemetry, providers.Singleton(CreateSilence, adapters.open_unit_of_work, adapters.clock, wakeups))
    end_silence = _instrumented(telemetry, providers.Singleton(EndSilence, adapters.open_unit_of_work, adapters.clock, wakeups))
    create_channel = _instrumented(
        telemetry,
        providers.Singleton(CreateChannel, adapters.open_unit_of_work, adapters.channel_settings, adapters.clock, wakeups),
    )
    change_channel = _instrumented(
        telemetry,
        providers.Singleton(ChangeChannel, adapters.open_unit_of_work, adapters.channel_settings, adapters.clock, wakeups),
    )
    delete_channel = _instrumented(telemetry, providers.Singleton(DeleteChannel, adapters.open_unit_of_work, adapters.clock, wakeups))
    create_alert_rule = _instrumented(telemetry, providers.Singleton(CreateAlertRule, adapters.open_unit_of_work, adapters.clock, wakeups))
    change_alert_rule = _instrumented(telemetry, providers.Singleton(ChangeAlertRule, adapters.open_unit_of_work, adapters.clock, wakeups))
    delete_alert_rule = _instrumented(telemetry, providers.Singleton(DeleteAlertRule, adapters.open_unit_of_work, adapters.clock, wakeups))
    report_batcher = providers.Singleton(
        ReportBatcher, providers.Singleton(ReportStatus, adapters.open_unit_of_work, adapters.schemas, adapters.clock, wakeups)
    )
    report_status = _instrumented(telemetry, report_batcher, name="ReportStatus", after=count_verdicts)
    cancel_run = _instrumented(telemetry, providers.Singleton(CancelRun, adapters.open_unit_of_work, adapters.clock, wakeups))
    apply_run_action = providers.Singleton(ApplyRunAction, adapters.open_unit_of_work, adapters.clock, wakeups)
    retry_run = _instrumented(telemetry, providers.Singleton(RetryRun, apply_run_action))
    use_link = _instrumented(
        telemetry,
        providers.Singleton(UseLink, adapters.open_unit_of_work, describe_link, acknowledge_incident, retry_run, adapters.clock, wakeups),
    )
    repeat_run = _instrumented(telemetry, providers.Singleton(RepeatRun, adapters.open_unit_of_work, trigger_pipeline))
    skip_stage = _instrumented(telemetry, providers.Singleton(SkipStage, apply_run_action))
    cancel_stage = _instrumented(telemetry, providers.Singleton(CancelStage, apply_run_action))
    decide_approval = _instrumented(telemetry, providers.Singleton(DecideApproval, apply_run_action, adapters.schemas))
    start_over_limit = _instrumented(telemetry, providers.Singleton(StartOverLimit, apply_run_action))
    advance_batcher = providers.Singleton(
        AdvanceBatcher,
        providers.Singleton(AdvanceDispatch, adapters.open_unit_of_work, adapters.tokens, adapters.clock, wakeups, dispatch_rules),
    )
    advance_dispatch = _instrumented(
        telemetry,
        advance_batcher,
        name="AdvanceDispatch",
        before=tag_dispatch,
        after=count_advance_verdicts,
    )
    record_heartbeat = _instrumented(
        telemetry,
        providers.Singleton(
            RecordHeartbeat,
            adapters.open_unit_of_work,
            adapters.tokens,
            adapters.clock,
            adapters.worker_streams,
            claim_dispatch,
            dispatch_rules,
        ),
    )
    append_log = _instrumented(
        telemetry,
        providers.Singleton(AppendLog, adapters.open_unit_of_work, adapters.clock, wakeups, settings.provided.log_bytes_per_stage),
    )
    record_flow_run = _instrumented(telemetry, providers.Singleton(RecordFlowRun, adapters.open_unit_of_work, wakeups))
    record_dispatch = _instrumented(
        telemetry, providers.Singleton(RecordDispatch, adapters.open_unit_of_work, adapters.orchestrator, dispatch_rules, wakeups)
    )
    cancel_from_prefect = _instrumented(telemetry, providers.Singleton(CancelFromPrefect, adapters.open_unit_of_work, cancel_run))

    session_rules = providers.Singleton(_build_session_rules, settings)
    authenticator = providers.Singleton(Authenticator, adapters.open_unit_of_work, adapters.credentials, adapters.clock, session_rules)
    access_queries = providers.Singleton(AccessQueries, adapters.open_unit_of_work)
    open_session = providers.Singleton(OpenSession, adapters.credentials, session_rules)
    sign_in = _instrumented(
        telemetry,
        providers.Singleton(SignIn, adapters.open_unit_of_work, adapters.passwords, adapters.sign_in_limiter, adapters.clock, open_session),
    )
    sign_in_by_identity = _instrumented(
        telemetry,
        providers.Singleton(SignInByIdentity, adapters.open_unit_of_work, adapters.clock, open_session, settings.provided.oidc_roles),
    )
    store, invalidate_callers = adapters.open_unit_of_work, authenticator.provided.invalidate_callers
    sign_out = _instrumented(telemetry, providers.Singleton(SignOut, store, adapters.credentials, adapters.clock, invalidate_callers))
    create_account = _instrumented(telemetry, providers.Singleton(CreateAccount, store, adapters.passwords, adapters.clock))
    change_account = _instrumented(
        telemetry, providers.Singleton(ChangeAccount, store, adapters.passwords, adapters.clock, invalidate_callers)
    )
    change_password = _instrumented(
        telemetry,
        providers.Singleton(ChangePassword, store, adapters.passwords, adapters.credentials, adapters.clock, invalidate_callers),
    )
    create_token = _instrumented(telemetry, providers.Singleton(CreateToken, store, adapters.credentials, adapters.clock))
    revoke_token = _instrumented(telemetry, providers.Singleton(RevokeToken, store, adapters.clock, invalidate_callers))

    register_worker = _instrumented(telemetry, providers.Singleton(RegisterWorker, store, adapters.clock))
    unregister_worker = _instrumented(telemetry, providers.Singleton(UnregisterWorker, store))
    release_quarantine = _instrumented(telemetry, providers.Singleton(ReleaseQuarantine, store))

    change_notifier = providers.Singleton(ChangeNotifier, adapters.change_feed, wakeups)
    feed_reader = providers.Singleton(FeedReader, adapters.change_feed, hub, adapters.worker_streams, wakeups, adapters.open_unit_of_work)
    lease_sweeper = providers.Singleton(
        LeaseSweeper, adapters.open_unit_of_work, adapters.clock, wakeups, adapters.worker_streams, settings.provided.lease_seconds
    )
    token_stream_closer = providers.Singleton(TokenStreamCloser, adapters.open_unit_of_work, adapters.clock, adapters.worker_streams)
    due_run_sweeper = providers.Singleton(DueRunSweeper, adapters.open_unit_of_work, adapters.clock, wakeups)
    settings_reencrypter = providers.Singleton(SettingsReencrypter, adapters.open_unit_of_work, adapters.channel_settings)
    pause_ender = providers.Singleton(PauseEnder, adapters.open_unit_of_work, adapters.clock, wakeups, schedule_pauses)
    outbox_relay = providers.Singleton(
        OutboxRelay,
        adapters.open_unit_of_work,
        adapters.orchestrator,
        adapters.clock,
        wakeups,
        dispatch_rules,
        warm_pools,
        telemetry,
        f"relay-{os.getpid()}-{uuid.uuid4().hex[:8]}",
    )
    flow_run_submitter = providers.Singleton(
        FlowRunSubmitter, adapters.open_unit_of_work, adapters.deployments, adapters.clock, wakeups, dispatch_rules, telemetry
    )
    log_interest = providers.Singleton(LogInterest)
    flow_log_importer = providers.Singleton(
        FlowLogImporter,
        adapters.open_unit_of_work,
        adapters.deployments,
        adapters.clock,
        wakeups,
        log_interest,
        settings.provided.log_bytes_per_stage,
    )
    flow_run_changes = providers.Singleton(FlowRunChanges, adapters.open_unit_of_work, adapters.clock, wakeups)
    flow_run_ends = providers.Singleton(FlowRunEnds, adapters.deployments, adapters.clock, flow_log_importer, flow_run_changes)
    flow_run_follower = providers.Singleton(
        FlowRunFollower, adapters.open_unit_of_work, adapters.deployments, adapters.clock, wakeups, flow_run_changes, flow_run_ends
    )
    tick_service = providers.Singleton(TickService, adapters.open_unit_of_work, run_opener, schedule_times, wakeups, telemetry)
    backfill_service = providers.Singleton(BackfillService, adapters.open_unit_of_work, run_opener, wakeups, telemetry)
    grant_service = providers.Singleton(GrantService, adapters.open_unit_of_work, adapters.clock, wakeups, telemetry)
    expectation_facts = providers.Singleton(ExpectationFacts, adapters.cron_expressions)
    alert_telemetry = providers.Singleton(AlertTelemetry, telemetry)
    alert_judge = providers.Singleton(
        AlertJudge,
        adapters.open_unit_of_work,
        adapters.change_feed,
        providers.Singleton(BatchJudging, message_planner, expectation_facts, alert_telemetry),
        adapters.clock,
        wakeups,
        alert_telemetry,
    )
    expectation_judge = providers.Singleton(
        ExpectationJudge, adapters.open_unit_of_work, expectation_facts, message_planner, adapters.clock, wakeups, alert_telemetry
    )
    message_composer = providers.Singleton(
        MessageComposer,
        adapters.open_unit_of_work,
        adapters.reader,
        adapters.page_urls,
        adapters.clock,
        adapters.installation,
        providers.Object(_report_error),
    )
    message_sender = providers.Singleton(
        MessageSender,
        adapters.open_unit_of_work,
        adapters.channel_sender,
        message_composer,
        providers.Singleton(ActionLinks, adapters.action_tokens, adapters.page_urls),
    )
    delivery_service = providers.Singleton(
        DeliveryService,
        providers.Singleton(DueDeliveries, adapters.open_unit_of_work, adapters.clock),
        message_sender,
        providers.Singleton(DeliveryRecorder, adapters.open_unit_of_work, adapters.clock, wakeups),
        adapters.clock,
        wakeups,
        providers.Singleton(DeliveryTracer, telemetry),
    )
    drill_service = providers.Singleton(DrillService, adapters.open_unit_of_work, adapters.clock, wakeups)
    metrics_collector = providers.Singleton(MetricsCollector, adapters.health_metrics, hub, telemetry)
    prefect_reconciler = providers.Singleton(
        PrefectReconciler, adapters.open_unit_of_work, adapters.orchestrator, cancel_run, adapters.clock, wakeups
    )
    lifecycle_publishers = providers.Singleton(
        _build_lifecycle_publishers,
        adapters.event_sinks,
        adapters.change_feed,
        adapters.reader,
        adapters.open_unit_of_work,
        adapters.installation,
    )

    retention_policy = providers.Singleton(RetentionPolicy, settings.provided.keep_events_days, settings.provided.keep_logs_days)
    pipeline_deleter = providers.Singleton(PipelineDeleter, adapters.open_unit_of_work, adapters.pipeline_removal, adapters.clock, wakeups)
    retention_pruner = providers.Singleton(RetentionPruner, adapters.retention, adapters.clock, retention_policy)


def _build_identity_provider(settings: Any, clock: Clock) -> IdentityProvider | None:
    """Return None if users sign in with local accounts only. The import is deferred because it is slow."""
    if settings.oidc_issuer is None:
        return None
    from adapters.identity.oidc import OidcProvider

    secret = settings.oidc_client_secret.get_secret_value()
    key = settings.secret_key().encode()
    return OidcProvider(settings.oidc_issuer, settings.oidc_client_id, secret, settings.oidc_scopes, key, clock)


def _build_action_tokens(settings: Any) -> HmacActionTokens:
    previous = settings.previous_secret
    return HmacActionTokens(settings.secret_key().encode(), previous.get_secret_value().encode() if previous is not None else None)


class Adapters(containers.DeclarativeContainer):
    """The implementations of the ports in production."""

    settings: providers.Dependency[Any] = providers.Dependency()
    telemetry: providers.Dependency[Telemetry] = providers.Dependency(default=providers.Object(NullTelemetry()))

    database = providers.Singleton(Database, settings.provided.database_url.get_secret_value.call())
    clock = database.provided.clock
    schemas = providers.Singleton(JsonSchemaValidator)
    cron_expressions = providers.Singleton(CronsimExpressions)
    worker_streams = providers.Singleton(InMemoryWorkerStreams)
    tokens = providers.Singleton(HmacTokens, settings.provided.secret_key.call().encode.call())
    action_tokens = providers.Singleton(_build_action_tokens, settings)
    page_urls = providers.Singleton(PublicPageUrls, settings.provided.public_url)
    credentials = providers.Singleton(RandomCredentials)
    passwords = providers.Singleton(Argon2Passwords)
    sign_in_limiter = providers.Singleton(InMemorySignInLimiter)
    identity_provider = providers.Singleton(_build_identity_provider, settings, clock)
    event_sinks = providers.Singleton(build_event_sinks, settings, clock, os.environ.get("DD_ENV"))
    outgoing_http = providers.Singleton(build_outgoing_http, settings)
    channel_settings = providers.Singleton(build_channel_settings, settings)
    channel_sender = providers.Singleton(build_channel_sender, settings, outgoing_http, clock)
    installation = database.provided.installation
    open_unit_of_work = providers.Singleton(instrument_unit_of_work, telemetry, clock, database.provided.open_unit_of_work)
    health_metrics = database.provided.vitals
    reader = database.provided.reader
    change_feed = database.provided.change_feed
    retention = database.provided.retention
    pipeline_removal = database.provided.pipeline_removal
    disk_space = providers.Singleton(HomeDiskSpace, settings.provided.home, settings.provided.min_free_bytes)
    orchestrator = providers.Singleton(PrefectOrchestrator, settings.provided.prefect_api_url, settings.provided.prefect_api_auth_string)
    deployments = providers.Singleton(
        PrefectDeployments,
        settings.provided.prefect_api_url,
        settings.provided.prefect_api_auth_string,
        clock,
        settings.provided.prefect_result_folders,
    )
