"""Scores of the operator's own: this process is told of them where it starts, to put findings into words."""

from __future__ import annotations

from dataclasses import asdict

from detectors.scorers.custom.declared import GROUP, declared_specs
from detectors.scorers.registry import declare
from infra.settings import Settings
from infra.user_code import plug_ins


def learn_custom_scores(settings: Settings) -> None:
    """Know titles, kinds and harm of what the settings and installed plug-ins declare.

    Raises
    ------
    infra.errors.Misconfigured
        If a plug-in cannot be loaded.
    """
    tables = {name: asdict(own) for name, own in settings.scorers.own.items()}
    declare(declared_specs(tables, (found for _, found in plug_ins(GROUP))))
