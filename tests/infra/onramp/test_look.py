"""An application is looked at where it lives: its interpreter, its manifests, its builds."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.errors import Misconfigured
from infra.onramp.look import look
from infra.onramp.python_packages import interpreter_of

FAKE = """#!/bin/sh
echo '["3.12.1", "{prefix}", {packages}]'
"""


@pytest.fixture
def environment(tmp_path: Path) -> Callable[[str, str], Path]:
    """Makes a virtual environment whose Python says it has these packages."""

    def made(name: str, packages: str) -> Path:
        folder = tmp_path / name
        (folder / "bin").mkdir(parents=True)
        python = folder / "bin" / "python"
        python.write_text(FAKE.format(prefix=folder, packages=packages))
        python.chmod(0o755)
        return folder

    return made


POM = """<properties><own.version>4.1.0</own.version></properties>
<dependency><groupId>{group}</groupId> <artifactId>{artifact}</artifactId>
  <version>${{own.version}}</version></dependency>
"""
Environment = Callable[[str, str], Path]


def test_the_active_environment_is_asked_and_not_ours(tmp_path: Path, environment: Environment) -> None:
    venv = environment(
        "elsewhere", '{"openai": ["9.1", ["x"]], "i": ["1", ["openai<4,>=1; extra == \\"instruments\\""]]}'
    )
    found = look(tmp_path, {"VIRTUAL_ENV": str(venv), "PATH": "/usr/bin:/bin"})
    assert (found.runtime, found.packages["openai"].version) == ("python", "9.1")
    assert found.packages["i"].instruments == {"openai": "<4,>=1"}
    assert str(venv) in found.where


def test_the_folders_environment_comes_before_the_path(tmp_path: Path, environment: Environment) -> None:
    environment(".venv", '{"anthropic": ["2", []]}')
    assert set(look(tmp_path, {"PATH": "/usr/bin:/bin"}).packages) == {"anthropic"}


def test_a_command_names_its_interpreter(tmp_path: Path, environment: Environment) -> None:
    venv = environment("v", '{"groq": ["1", []]}')
    script = venv / "bin" / "uvicorn"
    script.write_text(f"#!{venv}/bin/python\n")
    long = venv / "bin" / "celery"
    long.write_text(f'#!/bin/sh\n\'\'\'exec\' "{venv}/bin/python" "$0" "$@"\n')
    for one in (script, long):
        one.chmod(0o755)
    path = {"PATH": f"{venv}/bin:/usr/bin:/bin"}
    for argv in (
        ["python", "app.py"],
        ["uvicorn", "app:app"],
        ["celery"],
        ["env", "A=1", "python"],
        [str(script)],
    ):
        assert interpreter_of(argv, path, tmp_path) == venv / "bin" / "python"
        assert set(look(tmp_path, path, "", argv).packages) == {"groq"}
    assert interpreter_of(["ls"], path, tmp_path) is None
    assert interpreter_of(["nothing-of-this-name"], path, tmp_path) is None


def test_a_real_interpreter_says_what_it_has(tmp_path: Path) -> None:
    found = look(tmp_path, {"PATH": "/usr/bin:/bin"}, "", [sys.executable, "app.py"])
    assert "pytest" in found.packages
    assert not found.trouble


def test_an_interpreter_that_does_not_answer_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert "does not say what is installed" in look(tmp_path, {}, "", [str(broken)]).trouble


def test_a_package_json_with_what_is_installed_and_locked(tmp_path: Path) -> None:
    asked = {"openai": "^6.0.0", "ai": "~7.1.0", "langchain": "^1.0"}
    (tmp_path / "package.json").write_text(json.dumps({"type": "module", "dependencies": asked}))
    installed = tmp_path / "node_modules" / "openai"
    installed.mkdir(parents=True)
    (installed / "package.json").write_text('{"version": "6.49.0"}')
    lock = {"packages": {"node_modules/langchain": {"version": "1.2.3"}}}
    (tmp_path / "package-lock.json").write_text(json.dumps(lock))
    found = look(tmp_path, {})
    assert found.runtime == "node-esm"
    assert {n: p.version for n, p in found.packages.items()} == {
        "openai": "6.49.0",
        "ai": "7.1.0",
        "langchain": "1.2.3",
    }
    assert look(tmp_path, {}, "", ["node", "x.cjs"]).runtime == "node"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"dependencies": 7}', "[" * 100_000])
def test_any_package_json_is_survived(tmp_path: Path, text: str) -> None:
    (tmp_path / "package.json").write_text(text)
    look(tmp_path, {"PATH": ""})


@pytest.mark.parametrize(
    ("file", "text", "runtime", "package", "version"),
    [
        (
            "pom.xml",
            POM.format(group="com.openai", artifact="openai-java"),
            "java",
            "com.openai:openai-java",
            "4.1.0",
        ),
        (
            "build.gradle.kts",
            'implementation("dev.langchain4j:langchain4j:1.9.0")',
            "langchain4j",
            "dev.langchain4j:langchain4j",
            "1.9.0",
        ),
        (
            "build.gradle",
            "id 'org.springframework.boot'\nimplementation 'org.springframework.ai:spring-ai-bom:2.0.1'",
            "spring",
            "org.springframework.ai:spring-ai-bom",
            "2.0.1",
        ),
        (
            "go.mod",
            "module x\n\nrequire github.com/openai/openai-go v1.12.0\n",
            "go",
            "github.com/openai/openai-go",
            "1.12.0",
        ),
        ("app.csproj", '<PackageReference Include="OpenAI" Version="2.7.0" />', "dotnet", "OpenAI", "2.7.0"),
    ],
)
def test_what_a_build_declares(
    tmp_path: Path, file: str, text: str, runtime: str, package: str, version: str
) -> None:
    (tmp_path / file).write_text(text)
    found = look(tmp_path, {"PATH": ""})
    assert found.runtime == runtime
    assert found.packages[package].version == version


def test_an_agent_beside_the_build_is_found(tmp_path: Path) -> None:
    (tmp_path / "pom.xml").write_text(POM.format(group="org.springframework.boot", artifact="a"))
    assert look(tmp_path, {}).runtime == "spring"
    (tmp_path / "opentelemetry-javaagent-2.20.jar").touch()
    found = look(tmp_path, {})
    assert (found.runtime, Path(found.agent).name) == ("java", "opentelemetry-javaagent-2.20.jar")


def test_the_runtime_with_a_model_client_is_chosen_and_the_other_named(
    tmp_path: Path, environment: Environment
) -> None:
    (tmp_path / "package.json").write_text('{"dependencies": {"react": "19"}}')
    environment(".venv", '{"openai": ["3", []]}')
    found = look(tmp_path, {"PATH": ""})
    assert (found.runtime, found.beside) == ("python", ("node",))
    assert look(tmp_path, {"PATH": ""}, "node").runtime == "node"


def test_a_runtime_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no runtime 'cobol'"):
        look(tmp_path, {}, "cobol")
    with pytest.raises(Misconfigured, match="no directory"):
        look(tmp_path / "x", {})
