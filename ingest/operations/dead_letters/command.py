"""``lightship dead-letters``: what could not be processed, to look at and to send again."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.clock import SystemClock, to_datetime
from infra.embedded.addresses import reach
from infra.errors import Misconfigured
from infra.settings import KafkaSettings, load
from ingest.errors import BadRecord
from ingest.operations.dead_letters.reader import Kept, Wanted, letters, messages, request_of
from ingest.operations.dead_letters.retry import retry
from ingest.operations.importing.options import read_span
from ingest.otlp.otlp_json import to_json
from ingest.topics.dead_letter import DeadLetter, read, read_retried


def wanted(
    keys: Sequence[str], kind: str | None, tenant: str | None, service: str | None, since: str | None
) -> Wanted:
    """Which letters the options mean.

    Raises
    ------
    BadRecord
        If ``since`` is no span of time.
    """
    since_ns = 0 if since is None else SystemClock().now_ns() - read_span(since, "--since")
    return Wanted(frozenset(keys), kind, tenant, service, since_ns)


def listed(config: Path | None, meant: Wanted, limit: int) -> dict[str, Any]:
    """The answer of ``lightship dead-letters list --json``: counts of all that match, the newest of them.

    Raises
    ------
    Unavailable
        If Kafka does not answer.
    """
    found = [k for k in letters(_kafka(config)) if meant.matches(k)]
    counts: Counter[str] = Counter()
    for letter in found:
        counts[letter.kind] += 1
    return {
        "total": len(found),
        "retried": sum(k.retried_ns is not None for k in found),
        "kinds": dict(counts.most_common()),
        "letters": [_line(k) for k in reversed(found[-limit:])],
    }


def shown(config: Path | None, key: str) -> dict[str, Any]:
    """One letter whole: why, from where, and its redacted record as OTLP/JSON.

    Raises
    ------
    BadRecord
        If there is no such letter.
    Unavailable
        If Kafka does not answer.
    """
    settings = _kafka(config)
    found = next((k for k in letters(settings) if k.key == key), None)
    if found is None:
        raise BadRecord(f"there is no dead letter {key!r}: see `lightship dead-letters list`")
    return {**_line(found), **_content(settings, found)}


def _content(settings: KafkaSettings, kept: Kept) -> dict[str, Any]:
    """What a letter holds; bytes that are no OTLP may hold anything and are not shown."""
    for message, _ in messages(settings):
        if message.offset != kept.offset or read_retried(message.value) is not None:
            continue
        try:
            letter = read(message.value)
            return {"record": to_json(request_of(letter)), "not_shown": None, "sha256": _sha256(letter)}
        except BadRecord as error:
            digest = hashlib.sha256(message.value).hexdigest()
            return {"record": None, "not_shown": str(error), "sha256": digest}
    raise BadRecord(f"dead letter {kept.key!r} has just been removed: the topic keeps it no longer")


def _sha256(letter: DeadLetter) -> str:
    return hashlib.sha256(letter.value).hexdigest()


def sent_again(config: Path | None, meant: Wanted, *, everything: bool, force: bool) -> dict[str, Any]:
    """The answer of ``lightship dead-letters retry --json``.

    Raises
    ------
    Misconfigured
        If nothing says which letters are meant.
    BadRecord
        If a key is given that no letter has.
    Unavailable
        If Kafka does not answer; run it again.
    """
    if meant == Wanted() and not everything:
        raise Misconfigured("say which dead letters: keys, --kind, --tenant, --service, --since, or --all")
    done = retry(_kafka(config), meant, SystemClock(), force=force)
    return {"retried": done.letters, "records": done.records, "left": dict(done.left)}


def _kafka(config: Path | None) -> KafkaSettings:
    return reach(load(config)).kafka


def _line(k: Kept) -> dict[str, Any]:
    """JSON-ready form; the reason of another process is cut and made printable."""
    return {
        "key": k.key,
        "at": _time(k.at_ns),
        "kind": k.kind,
        "reason": "".join(c if c.isprintable() else "\ufffd" for c in k.reason),
        "tenant": k.tenant,
        "lineage": k.lineage,
        "service": k.service,
        "topic": k.topic,
        "partition": k.partition,
        "offset": k.source_offset,
        "records": k.records,
        "bytes": k.size,
        "kept": k.kept,
        "retried_at": None if k.retried_ns is None else _time(k.retried_ns),
    }


def _time(at_ns: int) -> str:
    return to_datetime(at_ns).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def show_list(report: Mapping[str, Any]) -> str:
    """The list for a person."""
    if not report["total"]:
        return "no dead letters"
    kinds = ", ".join(f"{kind} {n}" for kind, n in report["kinds"].items())
    lines = [f"{report['total']} dead letters, {report['retried']} of them retried: {kinds}"]
    for k in report["letters"]:
        marks = "".join((" (retried)" if k["retried_at"] else "", "" if k["kept"] else " (bytes not kept)"))
        where = "/".join(str(k[name]) for name in ("tenant", "service") if k[name])
        lines.append(f"{k['at']}  {k['key']}  {k['kind']}  {where}{marks}\n    {k['reason']}")
    left = report["total"] - len(report["letters"])
    return "\n".join([*lines, f"… and {left} older ones (--limit)"] if left else lines)


def show_letter(letter: Mapping[str, Any]) -> str:
    """One letter for a person."""
    about = {k: v for k, v in letter.items() if k not in ("record", "not_shown") and v is not None}
    lines = [f"{name:<11} {value}" for name, value in about.items()]
    if letter["record"] is None:
        return "\n".join([*lines, f"not shown: {letter['not_shown']}"])
    return "\n".join([*lines, "", json.dumps(letter["record"], indent=2)])


def show_retry(report: Mapping[str, Any]) -> str:
    """What was sent again, for a person."""
    lines = [f"sent {report['retried']} dead letters again ({report['records']} records)"]
    return "\n".join([*lines, *(f"left {n}: {why}" for why, n in report["left"].items())])
