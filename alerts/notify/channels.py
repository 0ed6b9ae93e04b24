"""Which channel a configured receiver is."""

from __future__ import annotations

from collections.abc import Callable

from alerts.notify.protocol import Notifier
from alerts.notify.terminal import TerminalNotifier
from alerts.notify.webhook import WebhookNotifier, read_secret
from infra.clock import Clock, SystemClock
from infra.errors import Misconfigured
from infra.settings import ReceiverSettings, Settings


def notifier_of(receiver: ReceiverSettings, clock: Clock) -> Notifier:
    """The channel a receiver names.

    Raises
    ------
    Misconfigured
        If there is no such kind, or its address or secret cannot be used.
    """
    kinds: dict[str, Callable[[], Notifier]] = {
        "terminal": TerminalNotifier,
        "webhook": lambda: WebhookNotifier(
            receiver.url, read_secret(receiver.secret_file) if receiver.secret_file else None, clock
        ),
    }
    if receiver.kind not in kinds:
        raise Misconfigured(f"receiver {receiver.name}: kind {receiver.kind!r} is none of {', '.join(kinds)}")
    try:
        return kinds[receiver.kind]()
    except Misconfigured as error:
        raise Misconfigured(f"receiver {receiver.name}: {error}") from error


def check_receivers(settings: Settings) -> None:
    """Make every configured channel once, as the service does when it starts; nothing is sent.

    Raises
    ------
    Misconfigured
        Naming the receiver whose address or secret cannot be used.
    """
    for receiver in settings.receiver:
        notifier_of(receiver, SystemClock()).close()
