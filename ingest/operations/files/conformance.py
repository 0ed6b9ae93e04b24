"""A folder of recordings held against what ought to be read of them, and what each instrumentation loses.

A family is ``<family>.zip``, or a folder ``<family>``, with the request bodies of each recording in a folder
of its name, and ``<family>.json`` beside it: expectations by the names of recordings (docs/conformance.md).
Bodies are decoded as ``lightship decode --raw`` does.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.errors import BadRecord
from ingest.operations.files.decode import Decoded, decode_files

COLUMNS = ("text", "tokens", "tools", "user", "session", "error", "streaming", "agent")
"""What the calls of an application may tell, besides that they are made."""

YES, LOST, NOTHING = "yes", "lost", "–"
MAX_SHOWN = 200
"""Characters of a value in a difference."""
MAX_NAMED = 6
"""Recordings that are named for a column; the JSON has all."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What one run of an application sent, and what is expected of it."""

    family: str
    name: str
    bodies: tuple[tuple[str, bytes], ...]
    expected: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What was read of a recording. ``had`` and ``lost`` are columns, ``differences`` unmet expectations."""

    recording: Recording
    instrumentation: str
    version: str
    arrived: int
    made: int
    had: frozenset[str]
    lost: frozenset[str]
    differences: tuple[str, ...]


@dataclass(slots=True)
class Sender:
    """One instrumentation in one version, over all its recordings."""

    name: str
    version: str
    recordings: int = 0
    arrived: int = 0
    made: int = 0
    had: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)

    def add(self, result: Result) -> None:
        """Take one more recording."""
        self.recordings += 1
        self.arrived += result.arrived
        self.made += result.made
        for counts, columns in ((self.had, result.had), (self.lost, result.lost)):
            for column in columns:
                counts[column] = counts.get(column, 0) + 1

    def says(self, column: str) -> str:
        """``yes``, ``lost``, in how many recordings of those that gave occasion, or a dash where none did."""
        had, lost = self.had.get(column, 0), self.lost.get(column, 0)
        if not lost:
            return YES if had else NOTHING
        return f"{had} of {had + lost}" if had else LOST


def conformance(folder: Path) -> dict[str, Any]:
    """The answer of ``lightship decode --conformance DIR --json``.

    Raises
    ------
    BadRecord
        If the folder holds no recordings with expectations, or expectations that cannot be read.
    """
    results = [_result(recording) for recording in recordings(folder)]
    if not results:
        raise BadRecord(f"{folder} holds no <family>.json beside <family>.zip or a folder <family>")
    senders: dict[tuple[str, str], Sender] = {}
    for r in results:
        key = (r.instrumentation, r.version)
        senders.setdefault(key, Sender(*key)).add(r)
    return {
        "ok": not any(r.differences for r in results),
        "recordings": [
            {
                "family": r.recording.family,
                "name": r.recording.name,
                "instrumentation": r.instrumentation,
                "version": r.version,
                "arrived": r.arrived,
                "made": r.made,
                "has": [c for c in COLUMNS if c in r.had],
                "lost": [c for c in COLUMNS if c in r.lost],
                "differences": list(r.differences),
            }
            for r in results
        ],
        "instrumentations": [
            {
                "name": s.name,
                "version": s.version,
                "recordings": s.recordings,
                "arrived": s.arrived,
                "made": s.made,
                "columns": {c: s.says(c) for c in COLUMNS},
            }
            for _, s in sorted(senders.items())
        ],
    }


def recordings(folder: Path) -> Iterator[Recording]:
    """Every recording of a folder, by family and name."""
    for path in sorted(folder.glob("*.json")):
        bodies = _bodies(path.with_suffix(""))
        if bodies is None:
            continue
        expected = _expectations(path)
        missing = sorted(expected.keys() - bodies.keys())
        if missing:
            raise BadRecord(f"{path.name} expects {missing[0]}, of which there are no bodies")
        for name, found in sorted(bodies.items()):
            if name not in expected:
                raise BadRecord(f"{path.name} says nothing of {name}")
            yield Recording(path.stem, name, tuple(sorted(found)), expected[name])


def _expectations(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadRecord(f"{path.name}: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(v, dict) for v in found.values()):
        raise BadRecord(f"{path.name} is no object of expectations by recording")
    return found


def _bodies(family: Path) -> dict[str, list[tuple[str, bytes]]] | None:
    """Bodies by recording, of an archive or a folder; ``None`` if neither is there."""
    out: dict[str, list[tuple[str, bytes]]] = {}
    archive = family.with_name(f"{family.name}.zip")
    if archive.is_file():
        try:
            with zipfile.ZipFile(archive) as packed:
                for name in packed.namelist():
                    recording, _, file = name.partition("/")
                    if file and not file.endswith("/"):
                        out.setdefault(recording, []).append((file, packed.read(name)))
        except zipfile.BadZipFile as error:
            raise BadRecord(f"{archive.name}: {error}") from error
        return out
    if not family.is_dir():
        return None
    for body in sorted(p for p in family.glob("*/*") if p.is_file()):
        out.setdefault(body.parent.name, []).append((body.name, body.read_bytes()))
    return out


def _result(recording: Recording) -> Result:
    with tempfile.TemporaryDirectory() as place:
        paths = []
        for number, (name, body) in enumerate(recording.bodies):
            paths.append(Path(place) / f"{number}.{Path(name).name}")
            paths[-1].write_bytes(body)
        decoded = decode_files(paths, raw=True)
    want = recording.expected
    expected = want.get("interactions") or []
    made = want.get("made", len(expected))
    had = columns_of(decoded.lines)
    did = set(want.get("did", _usual(decoded.lines))) & set(COLUMNS)
    if "streaming" in did and had & {"text", "tools"}:
        had |= {"streaming"}
    told = (str(want.get("instrumentation", "")), str(want.get("version", "")))
    return Result(
        recording,
        *(told if told[0] else sender_of(decoded)),
        len(decoded.lines),
        made,
        frozenset(had),
        frozenset(did - had),
        tuple(_differences(want, decoded)),
    )


def columns_of(lines: Sequence[Mapping[str, Any]]) -> set[str]:
    """The columns that calls fill: text and tokens in every call that was answered, the others in one."""
    answered = [x for x in lines if x["error"] is None]
    embeddings = [x for x in answered if x["kind"] == "embedding"]
    chats = [x for x in answered if x["kind"] != "embedding"]
    found = {
        "text": bool(answered)
        and all(_was_asked(x) and _has_answer(x) for x in chats)
        and all(x["input_texts"] for x in embeddings),
        "tokens": bool(answered)
        and all(x["input_tokens"] is not None for x in answered)
        and all(x["output_tokens"] is not None for x in chats),
        "tools": any(x["tool_calls"] for x in lines),
        "user": any(x["user"] for x in lines),
        "session": any(x["conversation_id"] for x in lines),
        "error": any(x["error"] is not None for x in lines),
        "streaming": any(
            x["request_parameters"].get("stream") is True or x["time_to_first_chunk_s"] is not None
            for x in lines
        ),
        "agent": any(x["agent_name"] for x in lines),
    }
    return {name for name, there in found.items() if there}


def _was_asked(line: Mapping[str, Any]) -> bool:
    """Whether the prompt is there; a transcription has none."""
    return bool(line["input_text"] or line["media"]) or line["operation"] == "transcription"


def _has_answer(line: Mapping[str, Any]) -> bool:
    """Whether the answer is there; of speech there is no text, and a filter may leave none."""
    told = ("output_text", "tool_calls", "media", "revised_prompts")
    none = line["operation"] == "speech" or "content_filter" in line["finish_reasons"]
    return none or any(line[name] for name in told)


def _usual(lines: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What any application gives occasion for, where the expectation does not say: text and tokens."""
    return ("text", "tokens") if any(x["error"] is None for x in lines) else ()


def sender_of(decoded: Decoded) -> tuple[str, str]:
    """Scope of the calls' spans and its version, of all spans where there is no call; several are joined."""
    calls = [(i.trace_id, i.span_id) for i in decoded.interactions]
    of_calls = {decoded.scopes[key] for key in calls if key in decoded.scopes}
    scopes = sorted(of_calls or set(decoded.scopes.values()))
    names = " + ".join(dict.fromkeys(name for name, _ in scopes))
    return names or "log records", " + ".join(dict.fromkeys(version for _, version in scopes if version))


def _differences(want: Mapping[str, Any], decoded: Decoded) -> Iterator[str]:
    """What was read otherwise than expected; of fields that an expectation does not name nothing is said."""
    yield from (f"{name}: {why}" for name, why in decoded.summary.undecodable)
    expected: list[Mapping[str, Any]] = list(want.get("interactions") or [])
    lines = {str(line["span_id"]): line for line in decoded.lines}
    if len(lines) != len(expected):
        yield f"{len(expected)} interactions expected, got {len(lines)}"
    for number, call in enumerate(expected):
        line = lines.get(call["span_id"]) if "span_id" in call else _at(decoded.lines, number)
        if line is None:
            yield f"interaction {call.get('span_id', number + 1)} is missing"
            continue
        for key, value in sorted(call.items()):
            if not _is_as(value, line.get(key)):
                yield f"{line['span_id']}: {key}: expected {_short(value)}, got {_short(line.get(key))}"
    others = want.get("other_spans")
    if others is not None and decoded.summary.other_spans != others:
        yield f"other spans: expected {others}, got {decoded.summary.other_spans}"


def _at(lines: Sequence[dict[str, Any]], number: int) -> dict[str, Any] | None:
    return lines[number] if number < len(lines) else None


def _is_as(value: Any, got: Any) -> bool:
    """Equal; of an object only what the expectation names."""
    if isinstance(value, Mapping) and isinstance(got, Mapping):
        return all(_is_as(v, got.get(k)) for k, v in value.items())
    return bool(value == got)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def show(report: Mapping[str, Any]) -> str:
    """The answer as a table, and what was not met."""
    head = ("instrumentation", "version", "calls", *COLUMNS)
    rows = [
        (s["name"], s["version"] or NOTHING, f"{s['arrived']} of {s['made']}", *s["columns"].values())
        for s in report["instrumentations"]
    ]
    lines = [*_table(head, rows), ""]
    for column in COLUMNS:
        lost = [f"{r['family']}/{r['name']}" for r in report["recordings"] if column in r["lost"]]
        if lost:
            more = f" and {len(lost) - MAX_NAMED} more" if len(lost) > MAX_NAMED else ""
            lines.append(f"{column} lost in {', '.join(lost[:MAX_NAMED])}{more}")
    unmet = [r for r in report["recordings"] if r["differences"]]
    for r in unmet:
        lines.append(f"{r['family']}/{r['name']}")
        lines += [f"  {difference}" for difference in r["differences"]]
    n = len(report["recordings"])
    lines.append(f"{n - len(unmet)} of {n} recordings are read as expected")
    return "\n".join(lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines with columns as wide as their widest cell."""
    cells = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(head))]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
