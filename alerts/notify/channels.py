"""Which channel a configured receiver is."""

from __future__ import annotations

from collections.abc import Callable

from alerts.notify import slack
from alerts.notify.http_post import HttpPost
from alerts.notify.protocol import Notifier
from alerts.notify.references import References
from alerts.notify.secrets import read_line, read_secret
from alerts.notify.terminal import TerminalNotifier
from alerts.notify.webhook import WebhookNotifier
from infra.clock import Clock, SystemClock
from infra.errors import Misconfigured
from infra.settings import ReceiverSettings, Settings


def notifier_of(receiver: ReceiverSettings, clock: Clock, references: References | None = None) -> Notifier:
    """The channel a receiver names; ``references`` are those of its messages.

    Raises
    ------
    Misconfigured
        If there is no such kind, or its address or secret cannot be used.
    """
    known = references or References()
    kinds: dict[str, Callable[[], Notifier]] = {
        "terminal": TerminalNotifier,
        "webhook": lambda: WebhookNotifier(
            _door(receiver, clock), read_secret(receiver.secret_file) if receiver.secret_file else None, clock
        ),
        "slack": lambda: _slack(receiver, clock, known),
    }
    if receiver.kind not in kinds:
        raise Misconfigured(f"receiver {receiver.name}: kind {receiver.kind!r} is none of {', '.join(kinds)}")
    try:
        return kinds[receiver.kind]()
    except Misconfigured as error:
        raise Misconfigured(f"receiver {receiver.name}: {error}") from error


def _slack(receiver: ReceiverSettings, clock: Clock, references: References) -> Notifier:
    if receiver.token_file:
        return slack.SlackApp(_door(receiver, clock, slack.API), receiver.channel, references)
    return slack.SlackWebhook(_door(receiver, clock))


def _door(receiver: ReceiverSettings, clock: Clock, usual: str = "") -> HttpPost:
    """The address of a receiver, or the ``usual`` one, with the token that opens it."""
    url = read_line(receiver.url_file, "url_file") if receiver.url_file else receiver.url or usual
    headers = {}
    if receiver.token_file:
        headers["authorization"] = f"Bearer {read_line(receiver.token_file, 'token_file')}"
    return HttpPost(url, clock, headers=headers, ca_file=receiver.ca_file)


def check_receivers(settings: Settings) -> None:
    """Make every configured channel once, as the service does when it starts; nothing is sent.

    Raises
    ------
    Misconfigured
        Naming the receiver whose address or secret cannot be used.
    """
    for receiver in settings.receiver:
        notifier_of(receiver, SystemClock()).close()
