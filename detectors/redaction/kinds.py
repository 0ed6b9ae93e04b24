"""Names of what the redactor removes, by class.

Names are part of placeholders, reports and findings: add freely, never rename.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

SECRET_TYPES: frozenset[str] = frozenset(
    {
        "anthropic_key",
        "api_key",
        "atlassian_token",
        "aws_access_key_id",
        "aws_secret_access_key",
        "azure_key",
        "bearer_token",
        "cloud_token",
        "database_token",
        "discord_token",
        "github_token",
        "gitlab_token",
        "google_api_key",
        "google_oauth",
        "huggingface_token",
        "jwt",
        "llm_provider_key",
        "mail_provider_key",
        "npm_token",
        "observability_token",
        "openai_key",
        "package_registry_token",
        "password",
        "payment_key",
        "private_key",
        "saas_token",
        "sendgrid_key",
        "shopify_token",
        "slack_token",
        "stripe_key",
        "telegram_token",
        "twilio_key",
        "url_password",
        "vault_token",
    }
)
"""Credentials: whoever reads one can act with it."""

PII_TYPES: frozenset[str] = frozenset(
    {"card", "email", "iban", "ip_address", "national_id", "phone", "us_ssn"}
)
"""Values that point to a person."""

QUIET_TYPES: frozenset[str] = frozenset(
    {
        "bytes",
        "private_ip",
        "service_phone",
        "session",
        "template_email",
        "template_phone",
        "user",
        "withheld",
    }
)
"""Removed as well, but no evidence of a leak: pseudonymised ids, opaque bytes, addresses of private
networks, toll-free numbers, what only documentation uses (``user@example.com``, 123-456-7890), and texts
that are too costly to search."""

WITHHELD = "withheld"
"""Type of what stands for a whole text that is too costly to search."""

ALL_TYPES: frozenset[str] = SECRET_TYPES | PII_TYPES | QUIET_TYPES


def check_types(types: AbstractSet[str]) -> None:
    """Raise ``ValueError`` naming the first unknown type and the known ones."""
    for name in sorted(types):
        if name not in ALL_TYPES:
            raise ValueError(
                f"unknown redaction type {name!r}, expected one of {', '.join(sorted(ALL_TYPES))}"
            )
