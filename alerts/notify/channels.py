"""Which channel a configured receiver is."""

from __future__ import annotations

from collections.abc import Callable

from alerts.notify import mail, pagerduty, slack, template
from alerts.notify.alertmanager import AlertmanagerNotifier
from alerts.notify.http_post import HttpPost
from alerts.notify.otlp import OtlpNotifier
from alerts.notify.protocol import Notifier
from alerts.notify.references import References
from alerts.notify.secrets import read_line, read_secret, read_variable
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
            _endpoint(receiver, clock),
            read_secret(receiver.secret_file) if receiver.secret_file else None,
            clock,
        ),
        "slack": lambda: _slack(receiver, clock, known),
        "pagerduty": lambda: pagerduty.PagerDutyNotifier(
            _endpoint(receiver, clock, pagerduty.URL, opened_by_token=False),
            read_line(receiver.token_file, "token_file"),
            clock,
        ),
        "alertmanager": lambda: AlertmanagerNotifier(
            _endpoint(receiver, clock), receiver.resend_s, known, clock
        ),
        "email": lambda: _mail(receiver),
        "otlp": lambda: OtlpNotifier(_endpoint(receiver, clock), clock),
        "apprise": lambda: _apprise(receiver),
        "template": lambda: _template(receiver, clock, known),
    }
    if receiver.kind not in kinds:
        raise Misconfigured(f"receiver {receiver.name}: kind {receiver.kind!r} is none of {', '.join(kinds)}")
    try:
        return kinds[receiver.kind]()
    except Misconfigured as error:
        raise Misconfigured(f"receiver {receiver.name}: {error}") from error


def _slack(receiver: ReceiverSettings, clock: Clock, references: References) -> Notifier:
    buttons = bool(receiver.signing_secret_file)
    if receiver.token_file:
        door = _endpoint(receiver, clock, slack.API)
        return slack.SlackApp(door, receiver.channel, references, buttons=buttons)
    return slack.SlackWebhook(_endpoint(receiver, clock), buttons=buttons)


def _mail(receiver: ReceiverSettings) -> Notifier:
    password = read_line(receiver.password_file, "password_file") if receiver.password_file else ""
    server = mail.Server(
        receiver.url, receiver.user, password, starttls=receiver.starttls, ca_file=receiver.ca_file
    )
    return mail.MailNotifier(server, receiver.sender, receiver.to)


def _apprise(receiver: ReceiverSettings) -> Notifier:
    from alerts.notify.apprise import AppriseNotifier, addresses_in

    if receiver.urls_file:
        where = f"urls_file {receiver.urls_file}"
        text = read_secret(receiver.urls_file, "urls_file").decode(errors="replace")
    else:
        where = f"urls_env {receiver.urls_env}"
        text = read_variable(receiver.urls_env, "urls_env")
    return AppriseNotifier(addresses_in(text), where)


def _template(receiver: ReceiverSettings, clock: Clock, references: References) -> Notifier:
    token = read_line(receiver.token_file, "token_file") if receiver.token_file else ""
    password = read_line(receiver.password_file, "password_file") if receiver.password_file else ""
    url = read_line(receiver.url_file, "url_file") if receiver.url_file else receiver.url
    door = HttpPost(
        url,
        clock,
        headers=template.headers_of(receiver.headers, token, receiver.user, password),
        ca_file=receiver.ca_file,
        method=receiver.method,
    )
    return template.TemplateNotifier(
        door,
        template.read_template(receiver.template, receiver.template_file),
        references,
        path=receiver.path,
        values=dict(value.split("=", 1) for value in receiver.values),
        reference=receiver.reference,
    )


def _endpoint(
    receiver: ReceiverSettings, clock: Clock, usual: str = "", *, opened_by_token: bool = True
) -> HttpPost:
    """The address of a receiver, or the ``usual`` one; its token goes with every request if it opens it."""
    url = read_line(receiver.url_file, "url_file") if receiver.url_file else receiver.url or usual
    headers = {}
    if receiver.token_file and opened_by_token:
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
