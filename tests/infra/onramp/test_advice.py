"""What an application is told: from its own packages, at their own versions."""

from __future__ import annotations

import pytest

from infra.onramp.advice import advise
from infra.onramp.catalogue import Library, catalogue
from infra.onramp.found import Found, Package

CLIENTS = [one for one in catalogue().libraries if one.by and not one.name.endswith("*")]
EVERYTHING_STARTS = {
    one.start.package: Package() for one in catalogue().runtimes.values() if one.start is not None
}


def python(**packages: str) -> Found:
    return Found(
        "python", "", {name.replace("_", "-"): Package(version) for name, version in packages.items()}
    )


@pytest.mark.parametrize("library", CLIENTS, ids=lambda one: one.name)
def test_a_library_is_missing_until_one_of_its_instrumentations_is_there(library: Library) -> None:
    found = Found(library.runtime, "", {library.name: Package(None), **EVERYTHING_STARTS})
    if library.by[0].package not in EVERYTHING_STARTS and not library.in_code:
        (line,) = advise(found).missing
        assert line.startswith(f"{library.name} is not instrumented: ")
        assert library.by[0].package in line
    for one in library.by:
        packages = {
            **found.packages,
            one.package: Package("9"),
            **{name: Package("0.4") for name in one.needs},
        }
        assert advise(Found(library.runtime, "", packages)).missing == ()


def test_an_instrumentation_that_refuses_the_installed_version_is_named_with_one_that_takes_it() -> None:
    genai = "opentelemetry-instrumentation-google-genai"
    packages = {"google-genai": Package("3.6.1"), genai: Package("1.3b0", {"google-genai": "<3,>=1.32.0"})}
    (line,) = advise(Found("python", "", packages)).missing
    assert "takes google-genai <3,>=1.32.0 and stays silent with 3.6.1" in line
    assert line.endswith("pip install openinference-instrumentation-google-genai")
    packages[genai] = Package("2", {"google-genai": ">=1.32.0"})  # its own word counts, not the catalogue's
    assert advise(Found("python", "", packages)).missing == ()


def test_the_instrumentation_that_is_advised_takes_the_version() -> None:
    assert advise(python(google_genai="3.6.1")).missing == (
        "google-genai is not instrumented: pip install openinference-instrumentation-google-genai",
    )
    assert "opentelemetry-instrumentation-google-genai" in advise(python(google_genai="1.40")).missing[0]
    node = Found(
        "node", "", {"openai": Package("7.1.0"), "@opentelemetry/auto-instrumentations-node": Package()}
    )
    (line,) = advise(node).missing
    assert "takes openai >=4.19,<7" in line
    assert "npm install @arizeai/openinference-instrumentation-openai" in line


@pytest.mark.parametrize("framework", ["crewai", "autogen-core"])
def test_a_framework_whose_spans_hold_no_model_call_needs_its_client_instrumented(framework: str) -> None:
    extra = {framework: "1.0", "openinference-instrumentation-crewai": "1", "openai": "2.9"}
    found = Found("python", "", {name: Package(version) for name, version in extra.items()})
    assert any("no model call: instrument openai as well" in line for line in advise(found).missing)
    told = {**found.packages, "openinference-instrumentation-openai": Package("1")}
    assert advise(Found("python", "", told)).missing == ()


def test_a_client_below_a_framework_that_is_read_is_a_note_and_no_loss() -> None:
    found = python(langchain_core="1.0", openinference_instrumentation_langchain="1", openai="3.1")
    assert advise(found).missing == ()
    assert "openai called directly is not instrumented" in advise(found).notes[0]


def test_an_instrumentation_that_does_not_load_for_want_of_a_package_is_named() -> None:
    v2 = "opentelemetry-instrumentation-openai-v2"
    found = python(
        openai="3.57", opentelemetry_instrumentation_openai_v2="2.4b0", opentelemetry_util_genai="1.3"
    )
    assert advise(found).missing == (
        f"{v2} does not load without httpx: pip install 'httpx'",
        f"{v2} does not load without opentelemetry-util-genai<1: pip install 'opentelemetry-util-genai<1'",
    )
    llama = "openinference-instrumentation-llama-index"
    packages = {
        "llama-index-core": Package("1"),
        llama: Package("4", {"llama-index-core": "", "more": ">=1"}),
    }
    assert advise(Found("python", "", packages)).missing == (
        f"{llama} is not loaded without more: pip install more",
    )


def test_one_that_brings_everything_is_enough() -> None:
    assert advise(python(openai="3", anthropic="2", traceloop_sdk="0.6")).missing == ()


def test_a_library_that_traces_itself_is_a_note() -> None:
    found = advise(python(pydantic_ai_slim="2"))
    assert (found.missing, found.notes) == (
        (),
        ("pydantic-ai-slim traces itself when told to: Agent.instrument_all()",),
    )
    assert advise(python(google_adk="2")).missing == ()


def test_nothing_starts_a_node_application_by_itself() -> None:
    found = Found("node", "", {"openai": Package("6.1")})
    assert "npm install @opentelemetry/auto-instrumentations-node" in "\n".join(advise(found).missing)


def test_instrumentations_that_nothing_starts_are_said_to_be_idle() -> None:
    idle = python(openai="3.1", opentelemetry_instrumentation_genai_openai="1.0")
    assert "opentelemetry-instrument python" in " ".join(advise(idle).notes)
    started = python(openai="3.1", openinference_instrumentation_openai="1.0", opentelemetry_distro="1")
    assert "opentelemetry-instrument" not in " ".join(advise(started).notes)
