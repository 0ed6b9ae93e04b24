"""Messages of people who are not served, and messages that merely look like it."""

from __future__ import annotations

import pytest

from detectors.record import Record
from detectors.scorers.complaints import COMPLAINTS, LONGEST, asks_for_human, objects

ASKING = (
    "I want to speak to a human",
    "Can you connect me with a real person please?",
    "transfer me to a live agent",
    "Let me talk to your manager!",
    "agent",
    "I need a human representative",
    "please escalate this to a supervisor",
    "Quiero hablar con una persona",
    "¿Puedo hablar con un agente?",
    "Ich möchte mit einem Menschen sprechen",
    "Kann ich bitte mit einem echten Mitarbeiter reden?",
    "Je voudrais parler à un conseiller",
    "Quero falar com um atendente",
    "Vorrei parlare con un operatore",
    "Ik wil met een medewerker spreken",
)
OBJECTING = (
    "That's not what I asked",
    "no, I meant the other invoice",
    "you're wrong",
    "That is incorrect.",
    "You didn't answer my question",
    "You misunderstood me.",
    "it\u2019s still not working",
    "This isn't what I wanted",
    "I didn't ask for that",
    "I already told you my order number",
    "Wrong!",
    "Eso no es lo que pregunté",
    "Te equivocas, eran dos billetes",
    "Das ist falsch",
    "Das habe ich nicht gefragt",
    "Ce n'est pas ce que je voulais",
    "Vous vous trompez",
    "Isso está errado",
    "Non è quello che ho chiesto",
    "Dat klopt niet",
)
NEITHER = (
    "no",
    "No, thank you.",
    "Yes, that's right",
    "How do human beings digest milk?",
    "What is a real estate agent's commission?",
    "Write an agent in Python that talks to an API",
    "Is it wrong to lie to a friend?",
    "My manager wants a report about churn",
    "Explain why perpetual motion is not possible",
    "What does the operator precedence of Python look like?",
    "Translate: the bridge is closed",
    "Was ist falsch an diesem Satz?",
    "¿Cómo se dice manager en español?",
    "Les agents immobiliers sont-ils payés au pourcentage ?",
)


@pytest.mark.parametrize("message", ASKING)
def test_who_asks_for_a_person_is_heard(message: str) -> None:
    assert asks_for_human(message)


@pytest.mark.parametrize("message", OBJECTING)
def test_who_objects_is_heard(message: str) -> None:
    assert objects(message)


@pytest.mark.parametrize("message", NEITHER)
def test_other_messages_are_neither(message: str) -> None:
    assert not objects(message)
    assert not asks_for_human(message)


def test_a_long_prompt_speaks_of_complaints_and_makes_none() -> None:
    story = "Write a scene. " + "The guest waits at the desk. " * 12 + "He says: that's not what I asked."
    assert len(story) > LONGEST
    assert COMPLAINTS.score([Record(prompt=story), Record(prompt=None)]) == [
        {"user_objects": 0.0, "asks_for_human": 0.0},
        {},
    ]
