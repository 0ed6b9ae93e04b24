"""What scoring costs in the stream: interactions a second on one core, growth with length, one huge input."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from detectors.record import Record
from detectors.scorers import SCORERS, score_records
from detectors.scorers.text_parts import END_CHARACTERS

ROUNDS = 5
CHARACTERS = 500
MIX = (("chat", 0.85), ("code", 0.10), ("other", 0.05))
"""Of what traffic is made."""

_CODE = """def total(rows):
    \"\"\"Sum of the third column, blanks left out.\"\"\"
    found = 0.0
    for row in rows:
        cells = row.split(',')
        if len(cells) > 2 and cells[2].strip():
            found += float(cells[2])
    return found


class Harbour:
    def __init__(self, berths: int) -> None:
        self.berths = [None] * berths

    def enter(self, boat: str) -> int:
        for number, taken in enumerate(self.berths):
            if taken is None:
                self.berths[number] = boat
                return number
        raise RuntimeError('the harbour is full')
"""
_OTHER = "Порт открывается в шесть утра, лодки ждут у буя. 港口早上六点开放，船只在浮标处等候。 " * 8

Texts = Callable[[str, str], Sequence[str]]


def best_s(run: Callable[[], object]) -> float:
    """Seconds of processor time, best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        run()
        best = min(best, time.process_time() - started)
    return best


def mixed(chat: Sequence[str], code: Sequence[str], other: Sequence[str], n: int, seed: int) -> list[Record]:
    """Records in the mix of real traffic, prompt and output of `CHARACTERS` each."""
    rng = random.Random(seed)
    kinds: Mapping[str, Sequence[str]] = {"chat": chat, "code": code, "other": other}
    records = []
    for name in rng.choices([name for name, _ in MIX], [share for _, share in MIX], k=n):
        prompt, output = (_whole(rng.choice(kinds[name])) for _ in range(2))
        if name == "code":
            output = f"```python\n{output}\n```"
        records.append(Record(prompt=prompt, output=output, redactions=(), duration_s=1.2, input_tokens=120))
    return records


def _whole(text: str) -> str:
    return (text * (CHARACTERS // max(len(text), 1) + 1))[:CHARACTERS]


def texts_of(
    data: Path | None, chat: Sequence[str], pool: Texts
) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
    """Chat, code and other texts: real ones if there is a data directory."""
    if data is None:
        return chat, [_CODE], [_OTHER]
    return chat, pool("cyberseceval_insecure_code", "output"), pool("udhr_langid", "output")


def print_stream(records: Sequence[Record], batch: int = 256) -> None:
    """Interactions a second of one core, by all scorers, and what each takes of the mix."""
    n = len(records)

    def cost_us(run: Callable[[Sequence[Record]], object], size: int) -> float:
        return best_s(lambda: [run(records[i : i + size]) for i in range(0, n, size)]) / n * 1e6

    for scorer in SCORERS:
        print(f"{cost_us(scorer.score, batch):8.1f} us  {scorer.name} (mixed traffic)")
    for size in (1, 16, batch):
        us = cost_us(score_records, size)
        print(f"{1e6 / us:8.0f} interactions/s on one core, all scorers, {size} at a time ({us:.0f} us)")


def print_growth(chat: Sequence[str]) -> None:
    """Microseconds as texts grow to the cap and beyond it, and of one text of 1 MB."""
    text = "\n".join(chat)
    text *= 1_000_000 // len(text) + 2
    cap = 2 * END_CHARACTERS
    for size in (250, 500, 1_000, 2_000, cap, 4 * cap, 1_000_000):
        sides = [(text[i : i + size], text[i + 7 : i + 7 + size]) for i in range(4)]
        records = [Record(prompt=prompt, output=output, redactions=()) for prompt, output in sides]
        us = best_s(lambda records=records: score_records(records)) / len(records) * 1e6  # type: ignore[misc]
        read = f"{us / min(size, cap):.2f} us a character read"
        print(f"{us:8.0f} us  prompt and output of {size} characters ({read})")
