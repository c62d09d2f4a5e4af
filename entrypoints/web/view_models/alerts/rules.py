"""Alert rules in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.queries.explain.durations import format_duration
from application.queries.views.alerts import AlertRuleView
from domain.alerts.rule import AlertRule, QuietHours, RuleTarget, SiteRule
from domain.name_lists import MAX_CHOICES_NAMED, format_names
from domain.pipelines.definition import PipelineDefinition
from entrypoints.web.view_models.alerts.labels import EVENT_WORDS
from entrypoints.web.view_models.formatting import Timestamp, format_timestamp

MAX_TARGETS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class TargetItem:
    """A channel of a rule. `delay` says when it gets the message, empty if at once."""

    channel: str
    delay: str


@dataclass(frozen=True, slots=True)
class RuleItem:
    """A rule. `details` are its options in words."""

    name: str
    events: str
    targets: Sequence[TargetItem]
    details: Sequence[str]
    tags: str
    created: Timestamp | None
    created_by: str


def build_rule_item(rule: AlertRule, tags: Sequence[str] = (), view: AlertRuleView | None = None) -> RuleItem:
    """Return a rule of a pipeline, or with `view` a site-wide one."""
    return RuleItem(
        name=rule.name or "",
        events=_join([EVENT_WORDS[event] for event in rule.on], "or"),
        targets=[_build_target(target) for target in sorted(rule.to, key=lambda each: each.after)[:MAX_TARGETS_SHOWN]],
        details=describe_options(rule),
        tags=" ".join(f"#{tag}" for tag in tags),
        created=format_timestamp(view.created_at) if view else None,
        created_by=(view.created_by or "") if view else "",
    )


def build_site_rule_item(view: AlertRuleView) -> RuleItem:
    """Return a site-wide rule."""
    return build_rule_item(view.rule, view.tags, view)


def build_pipeline_rules(definition: PipelineDefinition, site_rules: Sequence[AlertRuleView]) -> list[RuleItem]:
    """Return a pipeline's own rules, and the site-wide rules that apply to it."""
    own = [build_rule_item(rule) for rule in definition.alerts]
    applied = [view for view in site_rules if SiteRule(view.id, view.rule, view.tags).applies_to(tuple(definition.tags))]
    return own + [build_site_rule_item(view) for view in applied]


def describe_options(rule: AlertRule) -> list[str]:
    """Return what the rule does apart from its events and channels, one sentence for each option that is not the default."""
    sentences = []
    if rule.after > 1:
        sentences.append(f"Opens after {rule.after} consecutive failures.")
    if rule.remind is not None:
        sentences.append(f"Reminds every {format_duration(rule.remind)}.")
    if not rule.recovery:
        sentences.append("Sends no message when it resolves.")
    if rule.quiet is not None:
        sentences.append(_describe_quiet(rule.quiet))
    return sentences


def _describe_quiet(quiet: QuietHours) -> str:
    exempt = f", except for {_join(quiet.exempt, 'and')}" if quiet.exempt else ""
    return f"Quiet from {quiet.start:%H:%M} to {quiet.end:%H:%M} ({quiet.timezone}){exempt}."


def _build_target(target: RuleTarget) -> TargetItem:
    return TargetItem(target.channel, f"after {format_duration(target.after)} if not acknowledged" if target.after else "")


def _join(words: Sequence[str], last: str) -> str:
    return format_names(words, shown=MAX_CHOICES_NAMED, last=last)
