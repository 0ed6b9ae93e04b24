"""Records on which computing something raises: found one by one, so that each costs itself alone.

What is raised for a whole batch says nothing of the record to blame. Each message is therefore worked out by
itself without storing anything, then each record of those that fail; what fails is a dead letter, and the
batch is processed once more without it. What shows only while rows are stored costs its message.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from infra.fault import Fault
from ingest.agents.fault import OF_THE_WHOLE
from ingest.agents.score.decoding import Decoded, decode_message, put_aside
from ingest.messages import Output, RawMessage

logger = logging.getLogger(__name__)

Process = Callable[[Sequence[Decoded]], list[Output]]
WorkOut = Callable[[Decoded], None]
"""Computes everything of a message by itself and stores nothing."""
_Failed = Mapping[int, Exception]
"""What records raised, by their place in their message."""


def process_without_failing(
    messages: Sequence[RawMessage], process: Process, work_out: WorkOut
) -> list[Output]:
    """What ``process`` gives for these messages, whose failing records are put aside.

    ``process`` may be called several times, as after `Unavailable`.

    Raises
    ------
    IngestError
        As ``process`` does.
    Exception
        If it fails even without a single record: a defect of the whole.
    """
    outputs, error = _tried(process, [decode_message(m) for m in messages])
    if error is None:
        return outputs
    logger.error("a batch of %d messages failed with %s: each is tried alone", len(messages), Fault.of(error))
    failed = [_failing(message, work_out) for message in messages]
    if any(failed):
        outputs, error = _tried(process, _without(messages, failed))
        if error is None:
            return outputs
    for at, message in enumerate(messages):
        _, error = _tried(process, _without([message], [failed[at]]))
        if error is not None:
            failed[at] = _all(message, error)
    return process(_without(messages, failed))


def _tried(process: Process, decoded: Sequence[Decoded]) -> tuple[list[Output], Exception | None]:
    """What ``process`` gives, or what it raises unless that is of the whole."""
    try:
        return process(decoded), None
    except OF_THE_WHOLE:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, some record is to blame
        return [], error


def _failing(message: RawMessage, work_out: WorkOut) -> _Failed:
    """Records of a message that fail; all of them, if it fails and none of them does alone."""

    def worked_out(decoded: Sequence[Decoded]) -> list[Output]:
        for one in decoded:
            work_out(one)
        return []

    _, whole = _tried(worked_out, [decode_message(message)])
    if whole is None:
        return {}
    failed: dict[int, Exception] = {}
    for alone in _each(decode_message(message)):
        place = _places(alone)[0]
        _, error = _tried(worked_out, [alone])
        if error is not None:
            failed[place] = error
    return failed or _all(message, whole)


def _each(decoded: Decoded) -> list[Decoded]:
    """Every record of a message as if it had come alone."""
    return [
        *(replace(decoded, spans=[one], logs=[], dead=[]) for one in decoded.spans),
        *(replace(decoded, spans=[], logs=[one], dead=[]) for one in decoded.logs),
    ]


def _places(decoded: Decoded) -> list[int]:
    return [place for place, _ in (*decoded.spans, *decoded.logs)]


def _all(message: RawMessage, error: Exception) -> _Failed:
    return dict.fromkeys(_places(decode_message(message)), error)


def _without(messages: Sequence[RawMessage], failed: Sequence[_Failed]) -> list[Decoded]:
    decoded = [decode_message(m) for m in messages]
    for one, records in zip(decoded, failed, strict=True):
        if records:
            put_aside(one, records)
    return decoded
