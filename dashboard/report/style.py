"""The look of a report: the dashboard's colours, light and dark, and paper. Pure.

The page names the hash of its style, so that no other one is applied, and allows nothing else at all.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import asdict

from dashboard.palette import DARK, LIGHT, Palette


def _colours(palette: Palette) -> str:
    return "".join(f"--{role}:{colour};" for role, colour in asdict(palette).items())


SHEET = f"""
:root {{ color-scheme: light dark; {_colours(LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_colours(DARK)} }} }}
body {{ background: var(--background); color: var(--text); margin: 0 auto; max-width: 72rem; padding: 1.5rem;
  font: 14px/1.5 Inter, system-ui, sans-serif; font-variant-numeric: tabular-nums; }}
h1 {{ font-size: 22px; line-height: 1.3; margin: 0 0 0.25rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 16px; margin: 2rem 0 0.25rem; }}
p, li {{ max-width: 60rem; overflow-wrap: anywhere; }}
p {{ margin: 0.25rem 0 0.75rem; }}
.note, caption, footer {{ color: var(--muted); }}
.wide {{ overflow-x: auto; margin: 0.5rem 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
caption {{ text-align: left; padding: 0 0 0.25rem; }}
th, td {{ border-bottom: 1px solid var(--grid); padding: 0.3rem 0.5rem; text-align: left;
  vertical-align: top; }}
th {{ font-weight: 500; }}
tbody th {{ overflow-wrap: anywhere; min-width: 7rem; }}
thead th {{ color: var(--muted); overflow-wrap: normal; }}
.number {{ text-align: right; white-space: nowrap; }}
.word {{ overflow-wrap: anywhere; min-width: 5.5rem; }}
.week {{ text-align: right; white-space: nowrap; line-height: 1.25; }}
.above {{ background: var(--worse); }}
.below {{ background: var(--better); }}
small {{ display: block; font-size: 11px; }}
code {{ font-size: 12px; overflow-wrap: anywhere; }}
svg polyline {{ fill: none; stroke: var(--current); stroke-width: 2; stroke-linecap: round; }}
footer {{ border-top: 1px solid var(--grid); margin-top: 2rem; padding-top: 0.5rem; }}
@page {{ size: A4 landscape; margin: 12mm; }}
@media print {{
  :root {{ color-scheme: light; {_colours(LIGHT)} }}
  body {{ max-width: none; padding: 0; font-size: 9pt; print-color-adjust: exact; }}
  .wide {{ overflow: visible; }}
  th, td {{ padding: 0.15rem 0.3rem; }}
  thead {{ display: table-header-group; }}
  tr, h2 {{ break-inside: avoid; }}
  h2 {{ break-after: avoid; }}
}}
"""

_HASH = base64.b64encode(hashlib.sha256(SHEET.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
"""What the page may load, run or send: nothing but the style in it."""
