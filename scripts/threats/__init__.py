"""The threats of SECURITY.md -> docs/threats.md: for each the figure reached beside the one wanted.

ground   what the figures are measured on
texts  poisoned  browsed  soak   the figures
rows     the threats, each with its figure and the tests that hold it
tested   those tests, run
table    the page
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The browser that the tests drive serves here, too.
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
