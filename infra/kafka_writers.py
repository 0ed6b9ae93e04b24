"""Who may write to Kafka's open topics: rules of Apache Kafka's own access control."""

from __future__ import annotations

from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
from kafka.errors import KafkaError

from infra.errors import Misconfigured
from infra.kafka import LOGS_IN, SPANS_IN, client, unreachable
from infra.settings import KafkaSettings

OPERATIONS = (ACLOperation.WRITE, ACLOperation.DESCRIBE)


def allow_writers(settings: KafkaSettings) -> None:
    """Let the accounts of ``kafka.writers`` write to the open topics; what they may already do stays.

    Raises
    ------
    Misconfigured
        If the broker does not let us, or has no access control.
    Unavailable
        If no broker answers.
    """
    rules = [
        ACL(
            principal=f"User:{writer}",
            host="*",
            operation=operation,
            permission_type=ACLPermissionType.ALLOW,
            resource_pattern=ResourcePattern(ResourceType.TOPIC, topic.name),
        )
        for writer in settings.writers
        for topic in (SPANS_IN, LOGS_IN)
        for operation in OPERATIONS
    ]
    try:
        admin = KafkaAdminClient(**client(settings))
    except KafkaError as error:
        raise unreachable(settings) from error
    try:
        failed = admin.create_acls(rules)["failed"]
    except KafkaError as error:
        raise _refused(settings, error) from error
    finally:
        admin.close()
    if failed:
        raise _refused(settings, failed[0].__name__)


def _refused(settings: KafkaSettings, error: object) -> Misconfigured:
    return Misconfigured(
        f"kafka.writers = {list(settings.writers)}: the broker at {settings.bootstrap} gave them no rights "
        f"({error}): "
        "it needs an authorizer.class.name, and our account the right to alter; or leave the key empty"
    )
