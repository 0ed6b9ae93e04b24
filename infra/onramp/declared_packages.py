"""What the files of a project declare: package.json and lock files, Maven, Gradle, go.mod, project files."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from infra.onramp.found import Found, Package

MAX_BYTES = 16 << 20
MAX_FILES = 50
_UP = 4
_DEPENDENCY = re.compile(r"<(?:dependency|plugin|parent)>(.*?)</(?:dependency|plugin|parent)>", re.DOTALL)
_PROPERTY = re.compile(r"<([\w.-]+)>([^<>]+)</\1>")
_GRADLE = re.compile(r"""["']([\w.-]+:[\w.-]+)(?::([\w.+-]+))?["']""")
_GO = re.compile(r"^\s*(?:require\s+)?([\w./~-]+\.[\w./~-]+)\s+(v[\w.+-]+)", re.MULTILINE)
_DOTNET = re.compile(
    r"""<Package(?:Reference|Version)\s[^>]*?Include="([^"]+)"(?:[^>]*?Version="([^"]+)")?"""
)
_YARN = re.compile(r"""^"?(@?[^@"\s]+)@[^\n]*:\n\s+version:?\s+"?([\w.-]+)""", re.MULTILINE)
_PNPM = re.compile(r"""^ {2}'?/?(@?[^@'\s()]+)@(\d[\w.-]*)""", re.MULTILINE)
_NUMBER = re.compile(r"\d+(?:\.\d+)*")


def node_packages(folder: Path, script: str = "") -> Found | None:
    """Packages that a ``package.json`` asks for, with the versions that are installed or locked.

    ``script`` is the file the command starts: ``.mjs`` is an ES module, whatever the package is.
    """
    manifest = _json(folder / "package.json")
    if manifest is None:
        return None
    sections = (manifest.get(name) for name in ("dependencies", "devDependencies", "optionalDependencies"))
    asked = {str(k): str(v) for one in sections if isinstance(one, dict) for k, v in one.items()}
    locked = _locked(folder)
    packages = {
        name: Package(_installed(folder, name) or locked.get(name) or _number(wanted))
        for name, wanted in asked.items()
    }
    esm = script.endswith(".mjs") or (manifest.get("type") == "module" and not script.endswith(".cjs"))
    return Found("node-esm" if esm else "node", f"package.json in {folder.absolute()}", packages)


def java_packages(folder: Path) -> Found | None:
    """Dependencies of a Maven or Gradle build, its modules included, and a Java agent that lies beside it."""
    names = ("pom.xml", "build.gradle", "build.gradle.kts")
    files = [f for name in names for pattern in (name, f"*/{name}") for f in folder.glob(pattern)]
    if not files:
        return None
    packages: dict[str, Package] = {}
    for file in islice(files, MAX_FILES):
        text = _text(file)
        packages |= dict(_maven(text) if file.name == "pom.xml" else _gradle(text))
    packages |= dict(_version_catalogue(folder))
    agents = (
        a
        for pattern in ("*", "lib/*", "target/*", "agent/*")
        for a in folder.glob(f"{pattern}javaagent*.jar")
    )
    agent = next((str(a.absolute()) for a in agents), "")
    runtime = "java"
    if not agent and any(name.startswith("org.springframework.boot:") for name in packages):
        runtime = "spring"
    elif not agent and any(name.startswith("dev.langchain4j:") for name in packages):
        runtime = "langchain4j"
    return Found(runtime, f"{files[0].name} in {folder.absolute()}", packages, agent)


def go_packages(folder: Path) -> Found | None:
    """Modules that ``go.mod`` requires."""
    file = folder / "go.mod"
    if not file.is_file():
        return None
    modules = _GO.findall(_text(file))
    return Found(
        "go", f"go.mod in {folder.absolute()}", {name: Package(version[1:]) for name, version in modules}
    )


def dotnet_packages(folder: Path) -> Found | None:
    """Packages that project files refer to."""
    files = [
        f for kind in ("csproj", "fsproj", "vbproj") for p in ("", "*/") for f in folder.glob(f"{p}*.{kind}")
    ]
    if not files:
        return None
    central = [f for f in (folder / "Directory.Packages.props",) if f.is_file()]
    found = (one for f in [*files[:MAX_FILES], *central] for one in _DOTNET.findall(_text(f)))
    packages: dict[str, Package] = {}
    for name, version in found:
        packages[name] = Package(version or None) if version or name not in packages else packages[name]
    return Found("dotnet", f"{files[0].name} in {folder.absolute()}", packages)


def _installed(folder: Path, name: str) -> str | None:
    """The version in ``node_modules``, here or above (workspaces)."""
    for place in (folder, *islice(folder.absolute().parents, _UP)):
        manifest = _json(place / "node_modules" / name / "package.json")
        if manifest is not None:
            return str(manifest.get("version") or "") or None
    return None


def _locked(folder: Path) -> dict[str, str]:
    for place in (folder, *islice(folder.absolute().parents, _UP)):
        lock = _json(place / "package-lock.json")
        entries = (lock or {}).get("packages")
        if isinstance(entries, dict):
            return {
                str(path).removeprefix("node_modules/"): str(one["version"])
                for path, one in entries.items()
                if isinstance(one, dict) and "version" in one
            }
        for file, pattern in (("yarn.lock", _YARN), ("pnpm-lock.yaml", _PNPM)):
            if found := pattern.findall(_text(place / file)):
                return dict(found)
    return {}


def _maven(text: str) -> Iterator[tuple[str, Package]]:
    properties = dict(_PROPERTY.findall(text))
    for block in _DEPENDENCY.findall(text):
        fields = {k: v.strip() for k, v in _PROPERTY.findall(block)}
        version = fields.get("version", "")
        if version.startswith("${"):
            version = properties.get(version[2:-1], "")
        if "groupId" in fields and "artifactId" in fields:
            yield f"{fields['groupId']}:{fields['artifactId']}", Package(version or None)


def _gradle(text: str) -> Iterator[tuple[str, Package]]:
    for name, version in _GRADLE.findall(text):
        yield name, Package(version or None)
    if "org.springframework.boot" in text:
        yield "org.springframework.boot:gradle-plugin", Package()


def _version_catalogue(folder: Path) -> Iterator[tuple[str, Package]]:
    """Gradle's ``libs.versions.toml``."""
    try:
        data = tomllib.loads(_text(folder / "gradle" / "libs.versions.toml"))
    except tomllib.TOMLDecodeError:
        return
    libraries = data.get("libraries")
    for one in libraries.values() if isinstance(libraries, dict) else ():
        if isinstance(one, dict) and isinstance(one.get("module"), str):
            wanted = one.get("version")
            if isinstance(wanted, dict):
                wanted = data.get("versions", {}).get(wanted.get("ref"))
            yield one["module"], Package(wanted if isinstance(wanted, str) else None)


def _number(wanted: str) -> str | None:
    """The version that a range such as ``^6.1.0`` begins with."""
    found = _NUMBER.search(wanted)
    return found[0] if found else None


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _json(file: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(_text(file))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
