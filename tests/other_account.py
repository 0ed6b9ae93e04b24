"""Runs a few lines of Python as another account of this machine; only root can become one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

UID = 65_534

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another account")

_BECOME = f"""
import encodings.idna, os, socket, struct, sys
os.setgroups([])
os.setgid({UID})
os.setuid({UID})
"""
"""What is needed is imported first: the other account may not read where it lies."""


def run_as_other(code: str, *arguments: str) -> str:
    """What it printed."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", _BECOME + code, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()
