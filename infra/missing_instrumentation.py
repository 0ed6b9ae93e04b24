"""What is missing in the telemetry of a service, and the variable its instrumentation reads. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

_GENAI = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

CAPTURE = {
    "otel-genai": f"{_GENAI}=SPAN_ONLY and OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental (Python; "
    "Java, Node.js and .NET take true, Microsoft's agent-framework ENABLE_SENSITIVE_DATA=true)",
    "otel-genai-legacy-events": "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true and "
    "OTEL_LOGS_EXPORTER=otlp",
    "openinference": "OPENINFERENCE_HIDE_INPUTS=false and OPENINFERENCE_HIDE_OUTPUTS=false",
    "traceloop": "TRACELOOP_TRACE_CONTENT=true",
    "openlit": "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true "
    "(openlit.init(capture_message_content=True))",
    "vercel-ai": "recordInputs and recordOutputs of experimental_telemetry to true (the SDK has no variable)",
    "langfuse": "LANGFUSE_OBSERVE_DECORATOR_IO_CAPTURE_ENABLED=true, and pass no mask to the client",
    "google-adk": "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS=true",
    "mlflow": "mlflow.<library>.autolog(disable=False), without a span processor that drops inputs",
    "mastra": "hideInput and hideOutput of tracingOptions to false (the exporter has no variable)",
    "litellm": "litellm.turn_off_message_logging = False (proxy: litellm_settings in its config)",
}
"""What makes each instrumentation family send content, by the dialect it speaks."""

CAPTURE_BY_SCOPE = (
    ("agent_framework", "ENABLE_SENSITIVE_DATA=true"),
    (
        "org.springframework.",
        (
            "Spring AI puts texts on no span, whatever is set (log-prompt and log-completion write them into "
            "the log): the Java agent tells of calls of the openai-java client, and with texts"
        ),
    ),
    (
        "Microsoft.SemanticKernel",
        "SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE=true",
    ),
    ("Experimental.Microsoft.Extensions.AI", f"{_GENAI}=true (or EnableSensitiveData of UseOpenTelemetry)"),
)
"""What a library reads that listens to no variable of its language, by the beginning of its scope."""

CAPTURE_BY_LANGUAGE = {
    "python": f"{_GENAI}=SPAN_ONLY and OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental",
    "java": f"{_GENAI}=true (read by the Java agent)",
    "nodejs": f"{_GENAI}=true (read by @opentelemetry/instrumentation-openai)",
    "dotnet": f"{_GENAI}=true and OPENAI_EXPERIMENTAL_ENABLE_OPEN_TELEMETRY=true",
    "go": (
        "put gen_ai.input.messages and gen_ai.output.messages on the span in the code: no variable "
        "does it in Go"
    ),
}
"""What makes OpenTelemetry's own GenAI instrumentations send content, by ``telemetry.sdk.language``."""

ATTRIBUTE_LIMIT = "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=1024"
VALUE_LIMIT = "unset OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT and OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"
SAMPLER = "OTEL_TRACES_SAMPLER=parentbased_always_on"

FEW = 0.05
"""Share of a service's calls without content that is no habit of its instrumentation."""


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """The last stored interactions of a service that came by one dialect.

    ``n`` of them; the others are how many came without content, with attributes dropped, with cut or hidden
    values, from sampled traces, or with a clock ahead of ours. ``scope`` is the instrumentation scope most of
    them have, ``sdk_language`` the language of most SDKs; empty where nothing was said.
    """

    tenant: str
    service: str
    dialect: str
    n: int
    without_content: int = 0
    dropped: int = 0
    truncated: int = 0
    hidden: int = 0
    sampled: int = 0
    skewed: int = 0
    scope: str = field(default="", kw_only=True)
    sdk_language: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that is missing, in words, and what helps."""

    says: str
    remedy: str


@dataclass(frozen=True, slots=True)
class UnseenCalls:
    """A service that sends and of which no call is seen.

    ``traces`` of it hold no model call of any service, ``events`` are log records of calls that name no span
    and say too little to be calls by themselves.
    """

    tenant: str
    service: str
    traces: int = 0
    events: int = 0


def why_unseen(s: UnseenCalls) -> list[Lack]:
    """Why no call is seen in what this service sends."""
    out = []
    if s.traces:
        out.append(
            Lack(
                f"its spans arrive and hold no model call: {s.traces} traces in the last day, none with one",
                "instrument the client that calls the model: `lightship env` in the application's directory "
                "names the package",
            )
        )
    if s.events:
        out.append(
            Lack(
                f"{s.events} log records of the last day are of model calls, name no span and do not say how "
                "the call ended: they are kept and not counted",
                "emit them whole, or while the span of the call is current, and export traces as well: "
                "OTEL_TRACES_EXPORTER=otlp, to the same endpoint",
            )
        )
    return out


def missing_instrumentation(f: ServiceFacts) -> list[Lack]:
    """Everything that is missing in what this service sends."""

    def said(n: int, what: str, remedy: str) -> list[Lack]:
        return [Lack(f"{n} of its last {f.n} calls {what} ({f.dialect})", remedy)] if n else []

    out = []
    if f.without_content > FEW * f.n:
        out += said(f.without_content, "came without content: texts are not scored", _capture(f))
    out += said(
        f.hidden,
        "hide their content on purpose",
        f"Lightship redacts before it stores; to have texts scored {_capture(f)}",
    )
    out += said(
        f.dropped, "lost attributes to the limit of 128 a span", f"set {ATTRIBUTE_LIMIT} in the application"
    )
    out += said(f.truncated, "have cut values", f"{VALUE_LIMIT} in the application")
    out += said(
        f.sampled, "were sampled: counts are shares of the traffic", f"set {SAMPLER} in the application"
    )
    out += said(
        f.skewed,
        "ended more than 5 minutes ahead of our clock",
        "synchronise the clock of the application's machine (NTP): timedatectl set-ntp true",
    )
    return out


def _capture(f: ServiceFacts) -> str:
    """What to do so that texts come, by what the library reads, else by its language, else by the dialect."""
    known = next((what for start, what in CAPTURE_BY_SCOPE if f.scope.startswith(start)), None)
    if known is None and f.dialect == "otel-genai":
        known = CAPTURE_BY_LANGUAGE.get(f.sdk_language)
    known = known or CAPTURE.get(f.dialect)
    if known is None:
        return 'eval "$(lightship env)" before the application starts sets what instrumentations read'
    return f"set {known} in the application" if "=" in known or " to " in known else known
