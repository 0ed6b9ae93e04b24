"""The tools of the support assistant: a shop's back end with invented data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.demo.chance import Chance

TOOLS: Mapping[str, str] = {
    "lookup_order": "State, carrier and delivery date of an order.",
    "refund_status": "Whether and when an order was paid back.",
    "search_help": "Search the shop's help pages.",
}
"""Names and descriptions."""

_PARAMETERS = {
    "lookup_order": {"order_id": "Number of the order, TT- and six digits"},
    "refund_status": {"order_id": "Number of the order, TT- and six digits"},
    "search_help": {"query": "What to look for", "language": "Language of the customer, two letters"},
}


def parameters(name: str) -> dict[str, Any]:
    """JSON schema of a tool's arguments."""
    fields = _PARAMETERS[name]
    properties = {field: {"type": "string", "description": text} for field, text in fields.items()}
    return {"type": "object", "properties": properties, "required": list(fields)}


def run_tool(name: str, arguments: Mapping[str, str], chance: Chance) -> dict[str, Any]:
    """Result of a tool; the same arguments give the same result.

    Raises
    ------
    KeyError
        If there is no such tool.
    """
    rng = chance.stream(name, *sorted(arguments.items()))
    if name == "lookup_order":
        state = rng.choice(("packed", "in transit", "at the depot", "delivered"))
        day = f"2025-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
        return {
            "order_id": arguments["order_id"],
            "state": state,
            "items": rng.randint(1, 4),
            "expected": day,
        }
    if name == "refund_status":
        state = rng.choice(("received", "checked", "approved", "paid"))
        cents = rng.randint(800, 24_000)
        return {
            "order_id": arguments["order_id"],
            "state": state,
            "amount": f"{cents / 100:.2f}",
            "currency": "EUR",
        }
    if name == "search_help":
        pages = rng.sample(("delivery", "returns", "account", "warranty", "payment", "pick-up points"), 2)
        return {"pages": [{"title": page, "score": round(rng.random(), 2)} for page in pages]}
    raise KeyError(f"no tool {name!r}")
