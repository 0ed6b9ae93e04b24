"""What an application lacks and which switches it reads: decided from what was found. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra.onramp.catalogue import Catalogue, Instrumentation, Library, Runtime, catalogue, matching
from infra.onramp.found import Found, Package
from infra.onramp.versions import below, takes


@dataclass(frozen=True, slots=True)
class Advice:
    """Switches by name, and lines for people.

    ``missing``: what loses calls, each as ``what is so: what helps``; ``notes``: what else to know.
    """

    content: Mapping[str, str]
    start: Mapping[str, str]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    clients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Instrumented:
    """A library that is there, what reads its calls, and what is there but refuses its version."""

    library: Library
    name: str
    package: Package
    by: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    """Package and the versions it takes."""

    @property
    def told(self) -> bool:
        """Whether somebody tells of its model calls, or would if one line of code says so."""
        return self.library.calls and bool(self.by or self.library.own or self.library.in_code)


_ALL = ("openlit", "traceloop-sdk")
"""Distributions that bring an instrumentation of every client."""


def advise(found: Found, known: Catalogue | None = None) -> Advice:
    """What to set, what is missing, and what to know."""
    known = known or catalogue()
    runtime = known.runtimes[found.runtime]
    there = [_instrumented(one, found, name) for one, name in _libraries(known, runtime, found)]
    missing, notes = _lines(runtime, there, found)
    if any(one.by for one in there) and _nothing_starts_it(runtime, found):
        notes.append(_TO_START)
    if found.trouble:
        notes.insert(0, found.trouble)
    return Advice(
        _content(known, runtime, found, there),
        _start(runtime, found),
        tuple(missing),
        tuple(notes),
        tuple(f"{one.name} {one.package.version or ''}".strip() for one in there),
    )


def _libraries(known: Catalogue, runtime: Runtime, found: Found) -> Iterator[tuple[Library, str]]:
    """Libraries of the catalogue that are there, each by the first of its packages."""
    for library in known.libraries:
        if library.runtime == runtime.like:
            names = matching([library.name], found.packages)
            if names:
                yield library, min(names)


def _instrumented(library: Library, found: Found, name: str) -> _Instrumented:
    package = found.packages[name]
    by: list[str] = []
    refused = []
    for one in library.by:
        has = found.packages.get(one.package)
        if has is None and not (one.package.endswith("-javaagent") and found.agent):
            continue
        wanted = one.takes if has is None else has.instruments.get(name, one.takes)
        if package.version is None or takes(wanted, package.version):
            by.append(one.package)
        else:
            refused.append((one.package, wanted))
    by += [name for name in _ALL if name in found.packages]
    return _Instrumented(library, name, package, tuple(by), tuple(refused))


def _lines(runtime: Runtime, there: list[_Instrumented], found: Found) -> tuple[list[str], list[str]]:
    missing: list[str] = []
    notes: list[str] = []
    clients = [one for one in there if not one.library.framework]
    frameworks = [one for one in there if one.library.framework]
    reading = [one for one in there if one.told]
    covered = next((one for one in frameworks if one.told), None)
    missing += [line for one in there for by in one.library.by for line in _needs(runtime, by, found)]
    for one in clients:
        missing += _refusals(runtime, one)
        if one.told or one.refused:
            continue
        if covered is None:
            missing.append(f"{one.name} is not instrumented: {_install(runtime, one)}")
        else:
            notes.append(
                f"calls through {covered.name} are recorded; {one.name} called directly is not "
                f"instrumented: {_install(runtime, one)}"
            )
    for one in frameworks:
        missing += _refusals(runtime, one)
        if one.library.calls and not (one.told or one.refused or reading):
            missing.append(f"{one.name} is not instrumented: {_install(runtime, one)}")
        if not one.library.calls and not any(o.told and (o in clients or o.library.serves) for o in there):
            names = " or ".join(client.name for client in clients) or "the model client it calls"
            missing.append(f"{one.library.says}, no model call: instrument {names} as well")
    notes += [
        f"{one.name} traces itself when told to: {one.library.in_code}"
        for one in there
        if one.library.in_code and not one.by
    ]
    start = runtime.start
    if start is not None and start.package not in found.packages and there:
        missing.append(f"nothing starts OpenTelemetry: {runtime.install} {start.package}")
    return list(dict.fromkeys(missing)), list(dict.fromkeys(notes))


def _needs(runtime: Runtime, by: Instrumentation, found: Found) -> Iterator[str]:
    """What an instrumentation that is there does not load without, or not in the version that is there."""
    if by.package not in found.packages:
        return
    for name in found.packages[by.package].instruments:
        if name not in found.packages:
            yield f"{by.package} is not loaded without {name}: {runtime.install} {name}"
    for name, wanted in by.needs.items():
        has = found.packages.get(name)
        if has is None or not takes(wanted, has.version or ""):
            one = f"{name}{wanted}"
            yield f"{by.package} does not load without {one}: {runtime.install} '{one}'"


def _refusals(runtime: Runtime, one: _Instrumented) -> list[str]:
    if one.by:
        return []
    return [
        f"{package} takes {one.name} {wanted} and stays silent with {one.package.version}: "
        f"{_install(runtime, one)}"
        for package, wanted in one.refused
    ]


def _install(runtime: Runtime, one: _Instrumented) -> str:
    """The command that adds the first instrumentation which takes the version that is there."""
    version = one.package.version
    fits = [by.package for by in one.library.by if version is None or takes(by.takes, version)]
    fits = [name for name in fits if name not in dict(one.refused)]
    if not fits:
        return f"no instrumentation takes {one.name} {version}; send its calls through a proxy or by hand"
    return f"{runtime.install} {fits[0]}"


def _content(
    known: Catalogue, runtime: Runtime, found: Found, there: list[_Instrumented]
) -> Mapping[str, str]:
    """Switches of what is there; of all, if nothing is: what is installed later works, too."""
    out: dict[str, str] = {}
    for family in known.families:
        names = matching(family.packages, found.packages)
        if family.below:
            names = [n for n in names if below(found.packages[n].version, family.below)]
        if family.runtime == runtime.like and names:
            out |= family.set
    if not out:
        out |= runtime.content
    for one in there:
        out |= one.library.set
    return out


_TO_START = (
    "nothing installed starts OpenTelemetry: unless the code does, "
    "pip install opentelemetry-distro opentelemetry-exporter-otlp-proto-http "
    "and start with opentelemetry-instrument python ..."
)
_STARTS = ("opentelemetry-distro", "traceloop-sdk", "openlit", "logfire", "langfuse", "arize-phoenix-otel")
"""Python distributions that start the SDK, or bring the command that does."""


def _nothing_starts_it(runtime: Runtime, found: Found) -> bool:
    """Whether the instrumentations that are installed stay idle unless the application's code starts them."""
    return runtime.like == "python" and not any(name in found.packages for name in _STARTS)


def _start(runtime: Runtime, found: Found) -> dict[str, str]:
    """What loads the instrumentation when the runtime starts, if it is there."""
    if found.agent:
        return {"JAVA_TOOL_OPTIONS": f"-javaagent:{found.agent}"}
    if runtime.start is None or runtime.start.package not in found.packages:
        return {}
    return {runtime.start.variable: runtime.start.value}
