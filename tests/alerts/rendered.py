"""What people read of the ten situations, for every channel: golden files.

``python -m tests.alerts.rendered --update`` writes them anew. Look at each with the eye of somebody who was
just woken: in ten seconds what, since when, how bad, for whom, why, and what to do next.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from alerts.briefs.render import render_json, render_text
from alerts.commands.incidents_command import show_one
from alerts.incidents.codec import incident_to_dict
from alerts.notify import mail, pagerduty, slack, webhook
from tests.alerts.situation import Situation
from tests.alerts.situations import SITUATIONS

FOLDER = Path(__file__).parent / "snapshots" / "messages"


def rendered(situation: Situation) -> str:
    """The message in every channel, one after the other."""
    delivery, incident = situation.delivery(), situation.incident()
    posted = slack.render(delivery.brief)
    whole = {k: v for k, v in incident_to_dict(incident).items() if k != "exact"}
    answer = {
        **whole,
        "brief": render_json(delivery.brief),
        "text": render_text(delivery.brief),
        "history": [],
    }
    message = mail.render(delivery, "lightship@example.org", ["oncall@example.org"])
    sections = {
        "Slack, on a lock screen": posted["text"],
        "Slack": "\n\n".join(block["text"]["text"] for block in posted["blocks"]),
        "PagerDuty": _pretty(json.loads(pagerduty.render(delivery, "KEY"))),
        "E-mail": f"Subject: {message['Subject']}\n\n{message.get_content()}",
        "Command line": show_one(answer),
        "Webhook": _pretty(json.loads(webhook.body_of(delivery))),
    }
    return "".join(f"===== {name} =====\n{text.rstrip()}\n\n" for name, text in sections.items())


def _pretty(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, indent=1)


def main() -> None:
    """Write the golden files anew, or say which differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="write what is rendered now")
    update = parser.parse_args().update
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, made in SITUATIONS.items():
        path, text = FOLDER / f"{name}.txt", rendered(made())
        same = path.exists() and path.read_text(encoding="utf-8") == text
        if update:
            path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{name}: {'the same' if same else 'written' if update else 'differs'}\n")


if __name__ == "__main__":
    main()
