"""The page in Chromium -> first paint, first words, and bytes sent."""

import re
import subprocess
import sys

from evals.bench.figures import Figure, Measured
from evals.bench.setting import ROOT, Setting

GROUP = "page"
_LINE = re.compile(r"^(.+?)\s+([\d.]+) (ms|kB) median of (\d+), at most ([\d.]+)$", re.MULTILINE)


def measure(setting: Setting) -> Measured:
    """What scripts/page.py tells, where that and a browser are at hand."""
    script = ROOT / "scripts" / "page.py"
    if setting.quick or not script.exists():
        return Measured(left_out=("the page: run without --quick, in a checkout",))
    words = [sys.executable, str(script), "speed", "--data", str(setting.data)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return Measured(left_out=(f"the page: {reason[:200]}",))
    return Measured(
        tuple(
            Figure(GROUP, name, unit, (float(middle), float(most)))
            for name, middle, unit, _, most in _LINE.findall(done.stdout)
        )
    )
