"""Situations as whoever is on call meets them, with findings of the shape that detection gives them.

Each is an incident, and what was counted of it lately where that is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from alerts.briefs.brief import Example, Trust
from alerts.briefs.tally import Tally
from alerts.notify import self_monitoring
from alerts.notify.delivery_state import Refused
from detectors.finding import ALL, SliceEffect, Suspect
from detectors.rules import ABSENT, BREACH, CALLS, Rule
from detectors.slo import PAIRS, BudgetUse, Burn, Slo, in_words
from infra.clock import to_ns
from tests.alerts.invented import at, refusals
from tests.alerts.situation import ALL_COMPARED, NO_EFFECT, Situation, change


def secret_leak() -> Situation:
    hit = refusals(
        "9e0f11d2c3b4a596",
        **NO_EFFECT,
        alert_kind="policy",
        status="confirmed",
        score="secrets",
        slice=ALL,
        series=None,
        made_at=at("04:07:12"),
        onset=at("04:07:12"),
        onset_low=at("04:07:12"),
        onset_high=at("04:07:12"),
        evidence=None,
        threshold=None,
        n=1,
        detector="policy",
        config_hash=None,
        baseline_version=None,
        log_from=None,
        log_to=None,
        notes=("secret-in-output: interaction 5b8e1f:22aa",),
    )
    again = replace(hit, finding_id="9e0f11d2c3b4a597", made_at=at("04:09:40"), n=2)
    return Situation(
        (hit, again),
        tally=Tally(at("04:07:12"), at("04:10:02"), "answers", 3, 61, 2, 2, at("04:09:40")),
        particulars=("kinds of secrets: aws_access_key in 2 answers, private_key in 1",),
    )


def refusals_everywhere() -> Situation:
    found = change(
        "a1",
        "refusal",
        "rate",
        0.01,
        0.6,
        n=412,
        n_baseline=31_400,
        n_users=9,
        n_conversations=33,
        largest_share=0.08,
        suspects=(Suspect("prompt_version", "8", at("04:05"), "7"), Suspect("release", "7.4.1", at("03:20"))),
    )
    return Situation(
        (found,),
        kind="reminder",
        tally=Tally(at("04:05"), at("04:52"), "answers", 1_066, 1_777, 55, 210, at("04:51")),
        examples=(
            Example("current", "5b8e:22", "Where is my order?", "I cannot help with that."),
            Example("baseline", "5b8a:10", "Where is my order?", "It leaves [city] today."),
        ),
    )


def refusals_in_one_language() -> Situation:
    part = refusals(
        "b2",
        n_users=118,
        n_conversations=123,
        inputs_changed=False,
        inputs_moved=0.03,
        inputs_moved_high=0.18,
        compared=ALL_COMPARED,
    )
    whole = change(
        "b1",
        "refusal",
        "rate",
        0.01,
        0.12,
        n=1_100,
        n_baseline=160_000,
        slices=(SliceEffect("language=es", 1.03, 0.57), SliceEffect("operation=chat", 0.2, 0.11)),
        cleared=("language=de", "language=fr"),
        suspects=(Suspect("system_prompt", "3f9ac2417be0d5118c1e", at("04:03"), "77ab01d2c3e4f5a6b7c8"),),
    )
    return Situation((part, whole))


def errors() -> Situation:
    found = change(
        "c1",
        "error",
        "rate",
        0.004,
        0.31,
        alert_kind="fast",
        detector="fast_path.2",
        n=96,
        n_baseline=8_210,
        n_users=24,
        n_conversations=29,
        inputs_changed=None,
        inputs_moved=None,
        inputs_moved_high=None,
        notes=("more than 0.0061 of calls, the highest rate of the baseline's week",),
    )
    return Situation(
        (found,),
        particulars=(
            "errors: rate_limit_exceeded (HTTP 429) in 27 calls, timeout in 3",
            "model: gpt-4o in all 30",
        ),
    )


def latency() -> Situation:
    slow = change(
        "d1",
        "latency_s",
        "s",
        1.21,
        6.04,
        alert_kind="fast",
        detector="fast_values.1",
        severity="ticket",
        n=380,
        n_users=290,
        n_conversations=331,
        largest_share=0.01,
        n_baseline=52_000,
        made_at=at("04:09"),
        notes=("4.99 times the median before", "ADWIN on residuals agrees"),
    )
    speed = change(
        "d2",
        "tokens_per_second",
        "tokens/s",
        61.0,
        12.4,
        severity="ticket",
        n=380,
        n_baseline=52_000,
        made_at=at("04:15"),
        evidence=60.0,
    )
    length = change(
        "d3",
        "output_length",
        "characters",
        241.0,
        242.0,
        severity="ticket",
        n=380,
        n_baseline=52_000,
        made_at=at("04:10"),
        evidence=15.0,
    )
    tail = change(
        "d4",
        "output_length",
        "rate",
        0.042,
        0.05,
        severity="ticket",
        n=380,
        n_baseline=52_000,
        made_at=at("04:10"),
        notes=("share of values above 512",),
    )
    return Situation((length, tail, speed, slow))


def spending() -> Situation:
    rule = refusals(
        "e1",
        alert_kind="rule",
        status="confirmed",
        score="cost_usd",
        slice=ALL,
        severity="ticket",
        made_at=at("04:20"),
        onset=at("04:15"),
        onset_low=at("04:10"),
        onset_high=at("04:20"),
        effect=0.025,
        effect_low=None,
        effect_high=None,
        effect_unit="USD",
        direction="rise",
        baseline_value=0.02,
        current_value=0.045,
        n=31,
        n_baseline=None,
        evidence=None,
        threshold=None,
        detector="rule.1",
        baseline_version=None,
        measure="sum",
        window_s=600,
        notes=("rule cost_usd: sum over 10 min > 0.02 (of at least 1)",),
    )
    return Situation((rule,))


def silence() -> Situation:
    gone = refusals(
        "f1",
        alert_kind="silence",
        status="confirmed",
        score="volume",
        slice=ALL,
        made_at=at("04:13"),
        onset=at("04:06"),
        onset_low=at("04:05"),
        onset_high=at("04:06"),
        effect=-118.0,
        effect_low=-118.0,
        effect_high=-118.0,
        effect_unit="calls per hour",
        direction="fall",
        baseline_value=118.0,
        current_value=0.0,
        n=0,
        n_baseline=None,
        detector="silence.1",
        notes=("14 calls were expected since the last one",),
    )
    return Situation((gone,))


def creep() -> Situation:
    slow = change(
        "g1",
        "output_length",
        "characters",
        220.0,
        305.0,
        severity="ticket",
        n=41_200,
        n_baseline=160_000,
        made_at=at("04:20"),
        onset=at("00:00"),
        onset_low=at("00:00"),
        onset_high=at("02:10"),
        compared=("request_model", "response_model"),
    )
    tail = replace(
        slow,
        finding_id="g2",
        effect_unit="rate",
        baseline_value=0.042,
        current_value=0.0422,
        effect=0.0002,
        effect_low=0.0001,
        effect_high=0.0004,
        notes=("share of values above 512",),
    )
    return Situation((slow, tail))


def tool_loop() -> Situation:
    found = change(
        "h1",
        "tool_loop",
        "rate",
        0.002,
        0.22,
        unit="trace",
        n=180,
        n_baseline=9_400,
        n_users=31,
        n_conversations=40,
        compared=("agent_name", "prompt_version", "release"),
        inputs_changed=None,
        inputs_moved=None,
        inputs_moved_high=None,
        log_partition=3,
        log_digest="5b1f00aa11bb22cc",
    )
    return Situation(
        (found,),
        particulars=(
            "repeated tool: search_orders, 14 times in a run with the same arguments (order_id: string)",
        ),
        examples=(
            Example(
                "current",
                "5b8e1f",
                "Where is my order?",
                "search_orders(order_id) ×14, each answered: error: unknown field",
            ),
        ),
    )


def dead_receiver() -> Situation:
    look = self_monitoring.receiver(
        "slack-oncall", to_ns(at("04:00")), answered=True, now_ns=to_ns(at("04:06")), why="HTTP 503"
    )
    return Situation(tuple(self_monitoring.statements(look, {}, to_ns(at("04:06")))), trust=Trust())


def stalled_detection() -> Situation:
    look = self_monitoring.detection(to_ns(at("04:00")), to_ns(at("04:05")))
    return Situation(tuple(self_monitoring.statements([look], {}, to_ns(at("04:05")))), trust=Trust())


def refused_page() -> Situation:
    """A receiver that refused a page for good: told at once, through all others."""
    refused = Refused(to_ns(at("04:06")), "HTTP 404: no_service")
    looks = self_monitoring.receiver(
        "slack-oncall", None, answered=True, now_ns=to_ns(at("04:06")), refused=refused
    )
    return Situation(tuple(self_monitoring.statements(looks, {}, to_ns(at("04:06")))), trust=Trust())


def objective_burns() -> Situation:
    """A page of an objective: 12 % bad in the hour, of 0.5 % that may be."""
    slo = Slo("error", 0.995)
    burn = Burn(BREACH, PAIRS[0], 0.12, 1_460, 24.0, 31.0)
    found = refusals(
        "e2",
        alert_kind="slo",
        status="confirmed",
        score="error",
        slice=ALL,
        made_at=at("04:20"),
        onset=at("04:00"),
        onset_low=at("03:20"),
        onset_high=at("04:20"),
        effect=0.115,
        effect_low=None,
        effect_high=None,
        effect_unit="rate",
        baseline_value=0.005,
        current_value=0.12,
        n=1_460,
        n_baseline=None,
        evidence=None,
        threshold=None,
        detector="slo.1",
        baseline_version=None,
        notes=in_words(slo, burn, BudgetUse(880_000, 2_100, 1 - 2_100 / 4_400)),
    )
    return Situation((found,), particulars=("errors: timeout in 170 calls, rate_limit_exceeded in 5",))


def dark_by_rule() -> Situation:
    """A rule of an operator that says when nothing came."""
    asked = Rule(CALLS, ABSENT, 600, ">", 0)
    rule = refusals(
        "f2",
        **{**NO_EFFECT, "baseline_value": 10.0, "current_value": 10.0},
        alert_kind="rule",
        status="confirmed",
        score=CALLS,
        slice=ALL,
        made_at=at("04:15"),
        onset=at("04:05"),
        onset_low=at("04:04"),
        onset_high=at("04:05"),
        direction="rise",
        n=0,
        evidence=None,
        threshold=None,
        detector="absent.1",
        measure=ABSENT,
        window_s=600,
        rule_name="checkout assistant is up",
        owner="payments",
        runbook="https://wiki.example.org/checkout",
        notes=(f"rule {asked.text()}",),
    )
    return Situation((rule,))


def rolled_back() -> Situation:
    return replace(refusals_everywhere(), kind="resolved", end="fixed", examples=())


def replayed() -> Situation:
    """Of a lineage whose clock is another than that on the wall."""
    return replace(
        refusals_in_one_language(),
        findings=tuple(replace(f, lineage="demo-2026") for f in refusals_in_one_language().findings),
    )


SITUATIONS: Mapping[str, Callable[[], Situation]] = {
    "secret_leak": secret_leak,
    "refusals_everywhere": refusals_everywhere,
    "refusals_in_one_language": refusals_in_one_language,
    "errors": errors,
    "latency": latency,
    "spending": spending,
    "silence": silence,
    "creep": creep,
    "tool_loop": tool_loop,
    "dead_receiver": dead_receiver,
    "stalled_detection": stalled_detection,
    "refused_page": refused_page,
    "objective_burns": objective_burns,
    "dark_by_rule": dark_by_rule,
    "rolled_back": rolled_back,
    "replayed": replayed,
}
