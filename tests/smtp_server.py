"""A loopback mail server that speaks enough SMTP to take a message, with TLS, accounts and faults."""

from __future__ import annotations

import base64
import socketserver
import ssl
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from tests.certificates import Certificates
from tests.served import Served, tls


@dataclass
class Mailbox:
    """What came, and how."""

    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    protected: list[bool] = field(default_factory=list)


class MailServer(Served):
    """One server. ``faults`` are answers by verb, such as ``{"RCPT": "550 no"}``; ``hangup`` is a verb."""

    def __init__(
        self,
        certificates: Certificates | None = None,
        *,
        implicit: bool = False,
        faults: dict[str, str] | None = None,
        hangup: str = "",
    ) -> None:
        self.mailbox = Mailbox()
        self.faults, self.hangup = faults or {}, hangup
        self.context = None if certificates is None else tls(certificates)
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler(implicit))
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # type: ignore[method-assign] # who does not trust us hangs up
        super().__init__(server)
        scheme = "smtps" if implicit else "smtp"
        self.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"

    def _handler(self, implicit: bool) -> type[socketserver.StreamRequestHandler]:  # noqa: C901 - a branch a verb
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def setup(self) -> None:
                if implicit:
                    assert server.context is not None
                    self.request = server.context.wrap_socket(self.request, server_side=True)
                super().setup()

            def finish(self) -> None:
                super().finish()
                self.request.close()  # the one that was wrapped is closed by the server, this one is not

            def handle(self) -> None:
                self.say("220 invented")
                recipients: list[str] = []
                while line := self.rfile.readline(2000).decode().strip():
                    verb = line.split(" ")[0].split(":")[0].upper()
                    if verb == server.hangup:
                        return
                    if verb in server.faults:
                        self.say(server.faults[verb])
                    elif verb == "EHLO":
                        self.greet()
                    elif verb == "STARTTLS":
                        assert server.context is not None
                        self.say("220 go on")
                        self.request = server.context.wrap_socket(self.request, server_side=True)
                        self.rfile.close()
                        self.wfile.close()
                        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)
                    elif verb == "AUTH":
                        _, user, password = base64.b64decode(line.split(" ")[2]).decode().split("\0")
                        right = password == "invented-password"
                        server.mailbox.accounts.append(user)
                        self.say("235 welcome" if right else "535 no such account")
                    elif verb == "DATA":
                        self.receive(recipients)
                    elif verb == "QUIT":
                        self.say("221 bye")
                        return
                    else:
                        recipients += [line] if verb == "RCPT" else []
                        self.say("250 fine")

            def greet(self) -> None:
                tls = isinstance(self.request, ssl.SSLSocket)
                offer = "AUTH PLAIN" if tls else "STARTTLS" if server.context else "SIZE"
                for line in ("250-invented", f"250-{offer}", "250 8BITMIME"):
                    self.say(line)

            def receive(self, recipients: list[str]) -> None:
                self.say("354 go on")
                body = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    body += part.removeprefix(b".")
                message = message_from_bytes(body, policy=policy.default)
                server.mailbox.messages.append(message)
                server.mailbox.recipients.append(recipients)
                server.mailbox.protected.append(isinstance(self.request, ssl.SSLSocket))
                self.say("250 taken")

            def say(self, line: str) -> None:
                self.wfile.write(f"{line}\r\n".encode())

        return Handler
