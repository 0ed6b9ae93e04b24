"""The span of a call that a log record made before: a revision of its row.

The row keeps its time, which is that of the record, and every dimension by which it was counted. The span
adds how long the call took, what it stands in, and whatever else the record did not say.
"""

from __future__ import annotations

from dataclasses import replace

from ingest.agents.score.late_content import redactions_of
from ingest.interaction import Interaction
from ingest.otlp.assembly.build import fill
from ingest.repository.interaction import StoredInteraction


def add_span(base: StoredInteraction, span: Interaction) -> StoredInteraction:
    """``base`` with what its span alone knows, not scored yet."""
    i = base.interaction
    # rows hold none of these, and what is scored must not depend on where `base` was read
    read = replace(i, tool_definitions=(), request_parameters={}, earlier_input_text=None)
    same_trace = span.trace_id == i.trace_id
    told = span if same_trace else replace(span, agent_name=None, trace_name=None, parent_span_id=None)
    filled = fill(read, told)
    interaction = replace(
        filled,
        end_ns=i.end_ns if i.timed else i.start_ns + max(span.end_ns - span.start_ns, 0),
        timed=True,
        parent_span_id=told.parent_span_id or i.parent_span_id,
        error=filled.error or span.error,
        dropped_attributes=max(i.dropped_attributes, span.dropped_attributes),
    )
    return replace(
        base,
        interaction=interaction,
        redactions=redactions_of(base.redactions, [span]),
        scores={},
        late=dict(base.late),
    )
