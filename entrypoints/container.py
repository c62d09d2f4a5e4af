"""The composition root: the only place that imports adapters and says what implements which port."""

import os
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from dependency_injector import containers, providers

from adapters.orchestration.prefect_rest import PrefectRest
from adapters.persistence.database import Database
from adapters.system.clock import SystemClock
from adapters.system.credentials import Argon2Passwords, CountedAttempts, RandomCredentials
from adapters.system.disk_space import HomeDiskSpace
from adapters.system.links import MemoryLinks
from adapters.system.parameters import JsonSchemas
from adapters.system.tokens import HmacTokens
from adapters.telemetry.audiences import audiences
from adapters.telemetry.null import NullTelemetry
from application.commands.append_log import AppendLog
from application.commands.cancel_run import CancelRun
from application.commands.cancel_stage import CancelStage
from application.commands.carry_burst import AdvanceBurst, BurstRules, ClaimBurst
from application.commands.claim_at_once import ClaimAtOnce
from application.commands.control_run import ControlRun
from application.commands.create_pipeline import ChangePipeline, CreatePipeline
from application.commands.decide_approval import DecideApproval
from application.commands.heartbeat import Heartbeat
from application.commands.keep_accounts import ChangeAccount, ChangePassword, CreateAccount
from application.commands.keep_tokens import CreateToken, RevokeToken
from application.commands.note_flow_run import CancelFromPrefect, NoteFlowRun
from application.commands.release_quarantine import ReleaseQuarantine
from application.commands.report_status import ReportStatus
from application.commands.retry_run import RetryRun
from application.commands.run_again import RunAgain
from application.commands.sign_in import OpenSession, SignIn, SignInByIdentity, SignOut
from application.commands.skip_stage import SkipStage
from application.commands.trigger_pipeline import TriggerPipeline
from application.commands.worker_presence import WorkerArrives, WorkerLeaves
from application.observed import carry_trace, count_advanced, count_verdicts, observe, tag_burst, tag_claim, tag_triggered
from application.observed_store import observe_store
from application.ports.change_feed import ChangeFeed
from application.ports.credentials import IdentityProvider
from application.ports.persistence import OpenUnitOfWork
from application.ports.readers import Reader
from application.ports.run_announcements import Audience
from application.ports.telemetry import Telemetry
from application.queries.callers import Callers
from application.queries.registers import Registers
from application.services.announce import AnnounceChanges
from application.services.announce_runs import AnnounceRuns
from application.services.announcements import Wording
from application.services.follow_feed import FollowFeed
from application.services.hub import Hub
from application.services.offer_bursts import OfferBursts
from application.services.reconcile import Reconcile
from application.services.relay import RelayOutbox
from application.services.report_lane import AdvanceLane, ReportLane, TriggerLane
from application.services.retention import Keep, KeepForATime
from application.services.sweep import ExpireLeases, WakeDueRuns
from application.services.take_vitals import TakeVitals
from application.services.wakeups import LocalWakeups
from domain.accounts import SessionRules


def _observed(telemetry: Any, use_case: Any, **hooks: Any) -> providers.Singleton[Any]:
    """The use case with a span, its duration and its errors told; without telemetry, the use case itself."""
    return providers.Singleton(observe, telemetry, use_case, **hooks)


def _announcers(
    audiences: Sequence[Audience], feed: ChangeFeed, reader: Reader, open_unit_of_work: OpenUnitOfWork, installation: str
) -> list[AnnounceRuns]:
    """One service an audience, so that none waits for another."""
    wording, teller = Wording(installation), f"web-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    return [AnnounceRuns(audience, feed, reader, open_unit_of_work, wording, teller) for audience in audiences]


def _claims_at_once(
    links: Any, tokens: Any, rules: Callable[[], BurstRules], warm_pools: Any, offers: Callable[[], OfferBursts]
) -> ClaimAtOnce:
    """What it needs of a database that has answered is asked for when a worker is there."""
    return ClaimAtOnce(links, tokens, rules, frozenset(warm_pools), lambda pool: offers().is_waited_for(pool))


def _session_rules(settings: Any) -> SessionRules:
    return SessionRules(timedelta(hours=settings.session_idle_hours), timedelta(days=settings.session_days))


class Application(containers.DeclarativeContainer):
    """Use cases and services over whatever adapters it is given; `adapters` names every port by one attribute."""

    settings: providers.Dependency[Any] = providers.Dependency()
    adapters: Any = providers.DependenciesContainer()
    telemetry: providers.Dependency[Telemetry] = providers.Dependency(default=providers.Object(NullTelemetry()))

    rules = providers.Singleton(BurstRules, installation=adapters.installation, lease_seconds=settings.provided.lease_seconds)
    warm_pools: providers.Singleton[frozenset[str]] = providers.Singleton(frozenset, settings.provided.warm_pools)
    hub = providers.Singleton(Hub)
    wakeups = providers.Singleton(LocalWakeups, adapters.links, warm_pools)

    create_pipeline = _observed(
        telemetry, providers.Singleton(CreatePipeline, adapters.open_unit_of_work, adapters.schemas, adapters.clock, wakeups)
    )
    change_pipeline = _observed(
        telemetry, providers.Singleton(ChangePipeline, adapters.open_unit_of_work, adapters.schemas, adapters.clock, wakeups)
    )
    claim_burst = _observed(
        telemetry,
        providers.Singleton(ClaimBurst, adapters.open_unit_of_work, adapters.tokens, adapters.clock, wakeups, rules),
        after=tag_claim,
    )
    offer_bursts = providers.Singleton(
        OfferBursts, adapters.links, wakeups, claim_burst, adapters.open_unit_of_work, telemetry.provided.within
    )
    claim_at_once = providers.Singleton(
        _claims_at_once, adapters.links, adapters.tokens, rules.provider, settings.provided.warm_pools, offer_bursts.provider
    )
    trigger_lane = providers.Singleton(
        TriggerLane,
        providers.Singleton(
            TriggerPipeline, adapters.open_unit_of_work, adapters.schemas, adapters.clock, wakeups, adapters.disk_space, claim_at_once
        ),
    )
    trigger_pipeline = _observed(telemetry, trigger_lane, name="TriggerPipeline", before=carry_trace, after=tag_triggered)
    report_lane = providers.Singleton(
        ReportLane, providers.Singleton(ReportStatus, adapters.open_unit_of_work, adapters.schemas, adapters.clock, wakeups)
    )
    report_status = _observed(telemetry, report_lane, name="ReportStatus", after=count_verdicts)
    cancel_run = _observed(telemetry, providers.Singleton(CancelRun, adapters.open_unit_of_work, adapters.clock, wakeups))
    control_run = providers.Singleton(ControlRun, adapters.open_unit_of_work, adapters.clock, wakeups)
    retry_run = _observed(telemetry, providers.Singleton(RetryRun, control_run))
    run_again = _observed(telemetry, providers.Singleton(RunAgain, adapters.open_unit_of_work, trigger_pipeline))
    skip_stage = _observed(telemetry, providers.Singleton(SkipStage, control_run))
    cancel_stage = _observed(telemetry, providers.Singleton(CancelStage, control_run))
    decide_approval = _observed(telemetry, providers.Singleton(DecideApproval, control_run, adapters.schemas))
    advance_lane = providers.Singleton(
        AdvanceLane,
        providers.Singleton(AdvanceBurst, adapters.open_unit_of_work, adapters.tokens, adapters.clock, wakeups, rules),
    )
    advance_burst = _observed(
        telemetry,
        advance_lane,
        name="AdvanceBurst",
        before=tag_burst,
        after=count_advanced,
    )
    heartbeat = _observed(
        telemetry,
        providers.Singleton(Heartbeat, adapters.open_unit_of_work, adapters.tokens, adapters.clock, adapters.links, claim_burst, rules),
    )
    append_log = _observed(
        telemetry,
        providers.Singleton(AppendLog, adapters.open_unit_of_work, adapters.clock, wakeups, settings.provided.log_bytes_per_stage),
    )
    note_flow_run = _observed(telemetry, providers.Singleton(NoteFlowRun, adapters.open_unit_of_work, wakeups))
    cancel_from_prefect = _observed(telemetry, providers.Singleton(CancelFromPrefect, adapters.open_unit_of_work, cancel_run))

    session_rules = providers.Singleton(_session_rules, settings)
    callers = providers.Singleton(Callers, adapters.open_unit_of_work, adapters.credentials, adapters.clock, session_rules)
    registers = providers.Singleton(Registers, adapters.open_unit_of_work)
    open_session = providers.Singleton(OpenSession, adapters.credentials, session_rules)
    sign_in = _observed(
        telemetry,
        providers.Singleton(SignIn, adapters.open_unit_of_work, adapters.passwords, adapters.attempts, adapters.clock, open_session),
    )
    sign_in_by_identity = _observed(
        telemetry,
        providers.Singleton(SignInByIdentity, adapters.open_unit_of_work, adapters.clock, open_session, settings.provided.oidc_roles),
    )
    store, forget = adapters.open_unit_of_work, callers.provided.forget
    sign_out = _observed(telemetry, providers.Singleton(SignOut, store, adapters.credentials, adapters.clock, forget))
    create_account = _observed(telemetry, providers.Singleton(CreateAccount, store, adapters.passwords, adapters.clock))
    change_account = _observed(telemetry, providers.Singleton(ChangeAccount, store, adapters.passwords, adapters.clock, forget))
    change_password = _observed(
        telemetry,
        providers.Singleton(ChangePassword, store, adapters.passwords, adapters.credentials, adapters.clock, forget),
    )
    create_token = _observed(telemetry, providers.Singleton(CreateToken, store, adapters.credentials, adapters.clock))
    revoke_token = _observed(telemetry, providers.Singleton(RevokeToken, store, adapters.clock, forget))

    worker_arrives = _observed(telemetry, providers.Singleton(WorkerArrives, store, adapters.clock))
    worker_leaves = _observed(telemetry, providers.Singleton(WorkerLeaves, store))
    release_quarantine = _observed(telemetry, providers.Singleton(ReleaseQuarantine, store))

    announce = providers.Singleton(AnnounceChanges, adapters.change_feed, wakeups)
    follow_feed = providers.Singleton(FollowFeed, adapters.change_feed, hub, adapters.links, wakeups, adapters.open_unit_of_work)
    expire_leases = providers.Singleton(ExpireLeases, adapters.open_unit_of_work, adapters.clock, wakeups, settings.provided.lease_seconds)
    wake_due_runs = providers.Singleton(WakeDueRuns, adapters.open_unit_of_work, adapters.clock, wakeups)
    relay_outbox = providers.Singleton(
        RelayOutbox,
        adapters.open_unit_of_work,
        adapters.orchestrator,
        adapters.clock,
        wakeups,
        rules,
        warm_pools,
        telemetry,
        f"relay-{os.getpid()}-{uuid.uuid4().hex[:8]}",
    )
    take_vitals = providers.Singleton(TakeVitals, adapters.vitals, hub, telemetry)
    reconcile = providers.Singleton(Reconcile, adapters.open_unit_of_work, adapters.orchestrator, cancel_run, adapters.clock, wakeups)
    announce_runs = providers.Singleton(
        _announcers, adapters.audiences, adapters.change_feed, adapters.reader, adapters.open_unit_of_work, adapters.installation
    )

    keep = providers.Singleton(Keep, settings.provided.keep_events_days, settings.provided.keep_logs_days)
    keep_for_a_time = providers.Singleton(KeepForATime, adapters.retention, adapters.clock, keep)


def _identity_provider(settings: Any) -> IdentityProvider | None:
    """None where people sign in by local accounts alone. Imported when needed: it is heavy."""
    if settings.oidc_issuer is None:
        return None
    from adapters.identity.oidc import OidcProvider

    secret = settings.oidc_client_secret.get_secret_value()
    return OidcProvider(settings.oidc_issuer, settings.oidc_client_id, secret, settings.oidc_scopes, settings.secret_key().encode())


class Adapters(containers.DeclarativeContainer):
    """The real ones."""

    settings: providers.Dependency[Any] = providers.Dependency()
    telemetry: providers.Dependency[Telemetry] = providers.Dependency(default=providers.Object(NullTelemetry()))

    clock = providers.Singleton(SystemClock)
    schemas = providers.Singleton(JsonSchemas)
    links = providers.Singleton(MemoryLinks)
    tokens = providers.Singleton(HmacTokens, settings.provided.secret_key.call().encode.call())
    credentials = providers.Singleton(RandomCredentials)
    passwords = providers.Singleton(Argon2Passwords)
    attempts = providers.Singleton(CountedAttempts)
    identity_provider = providers.Singleton(_identity_provider, settings)
    audiences = providers.Singleton(audiences, settings, clock, os.environ.get("DD_ENV"))
    database = providers.Singleton(Database, settings.provided.database_url.get_secret_value.call())
    installation = database.provided.installation
    open_unit_of_work = providers.Singleton(observe_store, telemetry, clock, database.provided.open_unit_of_work)
    vitals = database.provided.vitals
    reader = database.provided.reader
    change_feed = database.provided.change_feed
    retention = database.provided.retention
    disk_space = providers.Singleton(HomeDiskSpace, settings.provided.home, settings.provided.min_free_bytes)
    orchestrator = providers.Singleton(PrefectRest, settings.provided.prefect_api_url, settings.provided.prefect_api_auth_string)
