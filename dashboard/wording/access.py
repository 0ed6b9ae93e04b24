"""Sentences about who may see what."""

from __future__ import annotations

SIGN_IN = "Sign in"
SIGN_IN_TEXT = "Numbers and texts of AI applications are shown to people who are known."
SIGN_IN_EXPIRED = "Your session is over. Sign in again to go on where you were."
SIGN_OUT = "Sign out"
NOTHING_GRANTED = "Nothing is open to you"
NOTHING_GRANTED_TEXT = (
    "You signed in as {name}. No [[access]] of the settings matches what the provider tells of you: ask "
    "whoever runs this dashboard."
)
NOT_ALLOWED = "Your role ({role}) may not see this."
NOT_ALLOWED_NEXT = "It needs the role {needs}"
TENANT = "Tenant"
WHO = "{name} · {role}"
NO_SESSION = "This dashboard is open to the account that runs it"
LINK_USED = "This link has been used or is too old"
LINK_NEW = "Run `lightship dashboard link` on this machine, and open what it prints."
GO_ON = "Go on"
NO_PROVIDER = "The sign-in provider does not answer as it should"
NO_PROVIDER_TEXT = "You are not signed in. Whoever runs this dashboard finds the reason in its log."
NOT_SIGNED_IN = "You are not signed in"
NOT_SIGNED_IN_TEXT = (
    "The provider refused, or what it sent could not be accepted. Whoever runs this dashboard finds the "
    "reason in its log."
)
TRY_AGAIN = "Try again"
