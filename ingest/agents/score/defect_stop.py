"""What people are told when a worker stops because most of what comes dies by a defect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ingest.agents.score.broken_deploy import OURS
from ingest.errors import BrokenDeploy
from ingest.internal_findings import internal_alarm
from ingest.messages import Output
from ingest.topics.dead_letter import DeadLetter

SCORE = "dead_letters"


def broken_deploy(why: str, dead: Sequence[DeadLetter], version_hash: str) -> BrokenDeploy:
    """The error that ends the worker, with the finding that pages: one for each set of scorers.

    ``dead`` are the letters that are *not* written, ``why`` the count that decided.
    """
    ours = [letter for letter in dead if letter.kind in OURS]
    kinds = ", ".join(f"{kind} {n}" for kind, n in Counter(x.kind for x in ours).most_common())
    error = ours[0].reason.partition(":")[0]  # no more of it: what follows may quote the record
    says = (
        f"{why} ({kinds} in this batch, the first {error}); nothing of the batch is acknowledged. "
        "Repair it and start again, or let them become dead letters: dead_letters.stop_percent = 100"
    )
    return BrokenDeploy(says, [_alarm(why, ours, version_hash)])


def _alarm(why: str, ours: Sequence[DeadLetter], version_hash: str) -> Output:
    tenant = Counter(x.envelope.tenant for x in ours).most_common(1)[0][0]
    received_ns = min(x.envelope.received_ns for x in ours)
    return internal_alarm(
        SCORE,
        tenant,
        version_hash,
        tenant=tenant,
        at_ns=received_ns,
        severity="page",
        detector="dead-letter-limit",
        note=f"the worker has stopped: {why}",
        n=len(ours),
    )
