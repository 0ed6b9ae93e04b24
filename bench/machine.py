"""The line that stands above every figure: what it was measured on."""

from __future__ import annotations

import os
import platform
import sys


def machine() -> str:
    """Processor count, memory, system and Python of this machine."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = ".".join(map(str, sys.version_info[:3]))
    system = f"{platform.system()} {platform.machine()}"
    return f"{os.cpu_count()} cores, {memory_gib:.0f} GiB, {system}, Python {python}"
