"""The threats of SECURITY.md -> docs/threats.md: for each the figure reached beside the one wanted.

python scripts/threats                              the texts and tests of the repository
python scripts/threats --sets folder --soak 2000    and every text of the sets in a folder
python scripts/threats --sets folder --only S6 S7   these rows anew; the others stay as they are
"""

import argparse
import re
import sys
from pathlib import Path

# Run as a folder, its modules are looked for beside each other; they stand in a package.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from threats import ROOT  # noqa: E402
from threats.ground import ground_of  # noqa: E402
from threats.rows import THREATS  # noqa: E402
from threats.table import tables  # noqa: E402


def main() -> int:
    """The exit code: 1 where a test failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sets", type=Path, help="a folder of hostile texts")
    parser.add_argument("--soak", type=int, default=200, help="questions of the soak")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "threats.md")
    parser.add_argument("--no-tests", action="store_true", help="the figures alone")
    parser.add_argument("--no-figures", action="store_true", help="the tests alone")
    names = [threat.name for threat in THREATS]
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="ROW",
        type=lambda row: row.replace("-", "–"),
        choices=names,
        default=names,
        help="make these rows anew",
    )
    given = parser.parse_args()
    page = given.out.read_text(encoding="utf-8") if given.out.exists() else ""
    with ground_of(given.sets, given.soak) as ground:
        for made in tables(ground, given.only, not given.no_tests, not given.no_figures, page):
            # Some rows take an hour: what is made stays, whatever becomes of the next.
            given.out.write_text(made, encoding="utf-8")
    return int(any(found[1] != found[2] for found in re.finditer(r"(\d+) of (\d+) tests", made)))


if __name__ == "__main__":
    raise SystemExit(main())
