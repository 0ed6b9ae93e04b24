"""Calls that are seen twice in the stream: by two spans of different messages, or by two services.

Which spans of one message describe the same call is decided where they are put together
(`ingest.otlp.assembly.duplicates`). Here a call is compared with those that came before it: of its trace, and
with its response id in any trace. The later one becomes context, whichever is richer: the first is observed
already. If they are of one trace, the first takes over the content that only the later one has.

Spans of a provider's own SDK without content are the exception that cannot be left to the order in which
things come: they are context at once where the service is known to tell of the same calls otherwise
(`ingest.stage_settings`). That is learned from the first pair.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from detectors.observation import SourcePosition
from infra.clock import NS_PER_S
from ingest.interaction import ContextSpan, Interaction
from ingest.otlp.assembly.duplicates import is_sdk, is_telling, share_a_model
from ingest.repository.interaction import InteractionKey, StoredInteraction
from ingest.repository.stage_store import SpanQuery
from ingest.stage_settings import ContextScope

LONGEST_CALL_NS = 600 * NS_PER_S
"""Two spans of one call start at most this far apart."""

DUPLICATE = "duplicate"
"""Kind of a context span that describes a call which another span stands for."""


def is_bare(interaction: Interaction) -> bool:
    """Whether a call comes without any text."""
    i = interaction
    return not (
        i.input_text or i.input_texts or i.output_text or i.output_texts or i.tool_calls or i.system_prompt
    )


def is_bare_sdk(interaction: Interaction, scope: str) -> bool:
    """Whether a call is told by a provider's own SDK, without any text."""
    return is_sdk(scope) and is_bare(interaction)


def same_call(a: Interaction, b: Interaction) -> bool:
    """Whether two spans describe one call: by their response id, or as parent and child of one trace."""
    if a.kind != b.kind or a.start_ns > b.end_ns or b.start_ns > a.end_ns:
        return False
    if is_telling(a.response_id) and a.response_id == b.response_id:
        return True
    if a.trace_id != b.trace_id or (a.response_id and b.response_id and a.response_id != b.response_id):
        return False
    if b.parent_span_id == a.span_id:
        outer, inner = a, b
    elif a.parent_span_id == b.span_id:
        outer, inner = b, a
    else:
        return False
    within = outer.start_ns <= inner.start_ns and inner.end_ns <= outer.end_ns
    models = ((a.request_model, a.response_model), (b.request_model, b.response_model))
    return within and share_a_model(*models)


def learned(one: Interaction, one_scope: str, other: Interaction, other_scope: str) -> ContextScope | None:
    """The rule that two spans of one call teach: which of them is an SDK's own, if the other is not."""
    for i, scope, beside in ((one, one_scope, other_scope), (other, other_scope, one_scope)):
        if is_bare_sdk(i, scope) and not is_sdk(beside):
            return ContextScope(i.tenant, i.lineage, i.service, scope)
    return None


def as_context(interaction: Interaction, of: str | None) -> ContextSpan:
    """The span of a call as context; ``of`` is the interaction that stands for it, where it is known."""
    i = interaction
    return ContextSpan(
        trace_id=i.trace_id,
        span_id=i.span_id,
        start_ns=i.start_ns,
        end_ns=i.end_ns,
        kind=DUPLICATE,
        name=i.operation or i.kind,
        parent_span_id=i.parent_span_id,
        operation_raw=i.operation_raw,
        agent_name=i.agent_name,
        error=i.error,
        tenant=i.tenant,
        lineage=i.lineage,
        service=i.service,
        environment=i.environment,
        service_version=i.service_version,
        release=i.release,
        trace_name=i.trace_name,
        conversation_id=i.conversation_id,
        user=i.user,
        synthetic=i.synthetic,
        sampling_probability=i.sampling_probability,
        duplicate_of=of,
    )


def came_before(source: SourcePosition, position: SourcePosition) -> bool:
    """Whether a call had come when ``position`` was read; of other partitions all that is known had."""
    if (source.topic, source.partition) == (position.topic, position.partition):
        return source.offset < position.offset
    return True


def learned_within(
    interaction: Interaction, scope: str, scopes: Mapping[tuple[str, str], str]
) -> list[ContextScope]:
    """What the spans of one call in one message teach: scopes without text beside the chosen one's.

    Which span had the text is not known any more; an SDK's own never has.
    """
    found = {s for (_, span_id), s in scopes.items() if span_id in interaction.duplicate_spans}
    i = interaction
    return [
        ContextScope(i.tenant, i.lineage, i.service, s) for s in sorted(found) if is_sdk(s) > is_sdk(scope)
    ]


def duplicate_queries(calls: Iterable[Interaction]) -> list[SpanQuery]:
    """What finds other spans of these calls: parents, children, and those with their response ids."""
    by_lineage: defaultdict[tuple[str, str], list[Interaction]] = defaultdict(list)
    for i in calls:
        by_lineage[i.tenant, i.lineage].append(i)
    out: list[SpanQuery] = []
    for (tenant, lineage), found in sorted(by_lineage.items()):
        from_ns = max(min(i.start_ns for i in found) - LONGEST_CALL_NS, 0)
        to_ns = max(i.end_ns for i in found) + LONGEST_CALL_NS
        traces = frozenset(i.trace_id for i in found)
        near = SpanQuery(tenant, lineage, frozenset(), traces, None, from_ns, to_ns)
        parents = frozenset(i.parent_span_id for i in found if i.parent_span_id)
        if parents:
            out.append(replace(near, span_ids=parents))
        children = frozenset(i.span_id for i in found)
        out.append(replace(near, column="parent_span_id", values=children))
        ids = frozenset(i.response_id for i in found if i.response_id and is_telling(i.response_id))
        if ids:
            out.append(replace(near, trace_ids=frozenset(), column="response_id", values=ids))
    return out


class DuplicateCalls:
    """Calls known so far, by what another span of the same call would have in common with them.

    Of what many have in common only the first `MOST` are remembered: hostile input must not cost its square.
    """

    MOST = 64

    def __init__(self) -> None:
        self._spans: dict[InteractionKey, StoredInteraction] = {}
        self._children: defaultdict[InteractionKey, list[StoredInteraction]] = defaultdict(list)
        self._by_response: defaultdict[tuple[str, str, str], list[StoredInteraction]] = defaultdict(list)

    def add(self, calls: Iterable[StoredInteraction]) -> None:
        """Calls that are stored, or planned before what is asked about next."""
        for call in calls:
            i = call.interaction
            self._spans[call.key] = call
            if i.parent_span_id is not None:
                self._keep(self._children[i.tenant, i.lineage, i.trace_id, i.parent_span_id], call)
            if i.response_id is not None and is_telling(i.response_id):
                self._keep(self._by_response[i.tenant, i.lineage, i.response_id], call)

    def _keep(self, found: list[StoredInteraction], call: StoredInteraction) -> None:
        if len(found) < self.MOST:
            found.append(call)

    def of(self, interaction: Interaction) -> Sequence[StoredInteraction]:
        """Calls that are the same one, in a fixed order; the caller knows which of them came before."""
        i = interaction
        own = (i.tenant, i.lineage, i.trace_id, i.span_id)
        parent = self._spans.get((i.tenant, i.lineage, i.trace_id, i.parent_span_id or ""))
        found = {
            c.key: c
            for c in (
                *([parent] if parent is not None else ()),
                *self._children.get(own, ()),
                *self._by_response.get((i.tenant, i.lineage, i.response_id or ""), ()),
            )
            if c.key != own and same_call(i, c.interaction)
        }
        return [found[key] for key in sorted(found)]


class Views:
    """From how many places calls of a lineage are told: with one there are no twins, and nothing to ask.

    A lineage counts as told from several until `ENOUGH` calls have come from one alone.
    """

    ENOUGH = 200
    MAX_PLACES = 16

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], set[tuple[str, str]]] = {}
        self._calls: Counter[tuple[str, str]] = Counter()

    def note(self, interaction: Interaction, scope: str) -> None:
        """One call: its service and scope are a place."""
        lineage = (interaction.tenant, interaction.lineage)
        places = self._places.setdefault(lineage, set())
        if len(places) < self.MAX_PLACES:
            places.add((interaction.service, scope))
        self._calls[lineage] += 1

    def may_be_duplicated(self, tenant: str, lineage: str) -> bool:
        """Whether a call of this lineage may have a twin."""
        key = (tenant, lineage)
        return len(self._places.get(key, ())) > 1 or self._calls[key] < self.ENOUGH
