"""Apache Kafka for tests: one node (KRaft) on free ports, run by the supervisor like any other child.

Its jars are what ``fixtures/kafka/pom.xml`` names, resolved by Maven once and kept in the user's cache
directory. Log lines are where the supervisor puts them, ``<home>/logs/broker.log``.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.embedded.child_spec import ChildSpec
from infra.embedded.pair import BROKER
from infra.embedded.ports import LOOPBACK, spare
from infra.embedded.readiness import kafka_ready
from tests.certificates import Certificates

POM = Path(__file__).parent / "fixtures" / "kafka" / "pom.xml"
JAVA = 17
"""The oldest that Kafka 4 runs on."""
CLUSTER = "lightshiptests00000000"
"""Cluster id: any 16 bytes in base64."""
ASKED_S = 900
MAVEN = ("mvn", "--batch-mode", "--quiet", "--file", str(POM), "dependency:copy-dependencies")
JVM = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN")

SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
message.max.bytes=75497472
replica.fetch.max.bytes=75497472
log.cleaner.dedupe.buffer.size=16777216
num.recovery.threads.per.data.dir=2
listeners={listeners}
advertised.listeners={advertised}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,MUTUAL:SSL
"""

SECURED = """\
ssl.keystore.type=PEM
ssl.keystore.location={server}
ssl.truststore.type=PEM
ssl.truststore.location={ca}
listener.name.mutual.ssl.client.auth=required
listener.name.secure.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.secure.plain.sasl.jaas.config={plain} required user_{user}="{password}";
listener.name.secure.scram-sha-256.sasl.jaas.config={scram} required;
listener.name.secure.scram-sha-512.sasl.jaas.config={scram} required;
"""
_LOGIN = "org.apache.kafka.common.security"


@dataclass(frozen=True, slots=True)
class Guarded:
    """Two more listeners: ``secure`` asks for TLS and a user, ``mutual`` for a client's certificate."""

    certificates: Certificates
    secure: int
    mutual: int
    user: str
    password: str


def missing() -> str | None:
    """What the machine lacks, in words."""
    if shutil.which("java") is None:
        return "no Java (on Debian: apt-get install openjdk-17-jre-headless)"
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S607
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < JAVA:
        return f"Java {JAVA} or newer is needed, `java -version` says {said.splitlines()[:1]}"
    if not _jars().is_dir() and shutil.which("mvn") is None:
        return "no Maven to fetch Apache Kafka with (on Debian: apt-get install maven)"
    return None


def absent() -> str | None:
    """What is still missing when all that can be fetched was; so that no test waits for Maven."""
    lack = missing()
    if lack is None:
        try:
            jars()
        except (AssertionError, subprocess.TimeoutExpired) as error:
            lack = str(error)
    return lack


def version() -> str:
    """The version of Kafka that the pom names."""
    space = {"m": "http://maven.apache.org/POM/4.0.0"}
    for one in ET.parse(POM).getroot().iterfind(".//m:dependency", space):  # noqa: S314 - our own file
        if one.findtext("m:groupId", namespaces=space) == "org.apache.kafka":
            return str(one.findtext("m:version", namespaces=space))
    raise AssertionError(f"{POM} names no Kafka")


def _jars() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "lightship" / f"kafka-{version()}"


def jars() -> Path:
    """Directory of the jars, fetched when they are not there."""
    place = _jars()
    place.parent.mkdir(parents=True, exist_ok=True)
    with (place.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process fetches, others wait
        if not place.is_dir():
            new = place.with_name(f"{place.name}.new")
            shutil.rmtree(new, ignore_errors=True)
            fetched = subprocess.run(
                [*MAVEN, f"-DoutputDirectory={new}", "-DincludeScope=runtime"],
                capture_output=True,
                text=True,
                timeout=ASKED_S,
                check=False,
            )
            assert fetched.returncode == 0, f"Maven could not fetch Apache Kafka: {fetched.stdout[-2000:]}"
            new.rename(place)
    return place


def apache_spec(home: Path, port: int, guarded: Guarded | None = None) -> ChildSpec:
    """A node with its data under ``home``, formatted if it is new."""
    folder = home / BROKER
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "server.properties"
    config.write_text(_settings(folder, port, guarded), encoding="utf-8")
    program = ["java", *JVM, "-cp", f"{jars()}/*"]
    if not (folder / "data" / "meta.properties").exists():
        users = _users(guarded) if guarded else []
        made = subprocess.run(
            [*program, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(config), *users],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert made.returncode == 0, made.stdout + made.stderr
    return ChildSpec(
        name=BROKER,
        argv=[*program, "kafka.Kafka", str(config)],
        ready=kafka_ready(LOOPBACK, port),
        ports={"kafka": port},
        grace_s=20.0,
    )


def _users(guarded: Guarded) -> list[str]:
    """Arguments of the formatting that make the account."""
    account = f"[name={guarded.user},password={guarded.password}]"
    return [word for bits in (256, 512) for word in ("--add-scram", f"SCRAM-SHA-{bits}={account}")]


def _settings(folder: Path, port: int, guarded: Guarded | None) -> str:
    ports: Mapping[str, int] = {"PLAINTEXT": port}
    if guarded:
        ports = {**ports, "SECURE": guarded.secure, "MUTUAL": guarded.mutual}
    advertised = [f"{name}://{LOOPBACK}:{at}" for name, at in ports.items()]
    controller = spare(taken=ports.values())
    text = SETTINGS.format(
        host=LOOPBACK,
        controller=controller,
        data=folder / "data",
        listeners=",".join([*advertised, f"CONTROLLER://{LOOPBACK}:{controller}"]),
        advertised=",".join(advertised),
    )
    if guarded:
        text += SECURED.format(
            server=guarded.certificates.server_pem,
            ca=guarded.certificates.ca,
            user=guarded.user,
            password=guarded.password,
            plain=f"{_LOGIN}.plain.PlainLoginModule",
            scram=f"{_LOGIN}.scram.ScramLoginModule",
        )
    return text
