"""Sentences about who may see what."""

from __future__ import annotations

SIGN_IN = "Sign in"
SIGN_IN_TEXT = "Sign in to see the metrics and texts of your AI applications."
SIGN_IN_EXPIRED = "Your session has expired. Sign in again to continue where you were."
SIGN_OUT = "Sign out"
NOTHING_GRANTED = "You have no access"
NOTHING_GRANTED_TEXT = (
    "You signed in as {name}, but no [[access]] rule of the settings matches what your provider says "
    "about you. Ask the administrator of this dashboard."
)
NOT_ALLOWED = "Your role ({role}) may not see this."
NOT_ALLOWED_NEXT = "It needs the role {needs}"
TENANT = "Tenant"
WHO = "{name} · {role}"
NO_SESSION = "This dashboard is open only to the account that runs it"
LINK_USED = "This link has been used or has expired"
LINK_NEW = "Run `lightship dashboard link` on this machine, and open what it prints."
GO_ON = "Continue"
NO_PROVIDER = "The sign-in provider did not respond as expected"
NO_PROVIDER_TEXT = "You are not signed in. The reason is in the dashboard's log."
NOT_SIGNED_IN = "You are not signed in"
NOT_SIGNED_IN_TEXT = (
    "The provider refused, or its answer could not be accepted. The reason is in the dashboard's log."
)
TRY_AGAIN = "Try again"
