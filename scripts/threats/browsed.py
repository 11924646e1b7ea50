"""Hostile texts in every field of the page -> what a real browser does with them."""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from assistant.build import CATALOG
from assistant.catalog import Catalog
from assistant.gathering import gather
from assistant.schema import Paper
from evals import hostile, hostile_page
from threats.ground import Ground, tell


def in_chromium(ground: Ground) -> str:
    """Every text in every field of the real page, in a real browser."""
    from browser import launched, serving

    texts = [attack.text for attack in ground.texts(*hostile.FILES)]
    papers = hostile.planted([hostile.Attack("", "", text) for text in texts])
    planted = [hostile_page.Planted(texts[_number(one)], one) for one in papers]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as passing:
        _keep(Path(passing), texts)
        with serving(Path(passing), answer__model="embedded") as address, launched() as browser:
            for seen in hostile_page.Show(browser, address, ground.prompts)(planted):
                tell("S7", seen.texts, len(planted), each=1)
    for odd in seen.odd:
        print(f"S7: {odd}", file=sys.stderr)
    return str(seen)


def _number(paper: Paper) -> int:
    """Which text a planted paper carries: its title says so."""
    return int(paper.title.split()[1].rstrip(":"))


def _keep(folder: Path, texts: Sequence[str]) -> None:
    """The papers in a catalog; to be shown, they need no index."""
    page = folder / "page.jsonl"
    rows = (hostile.row(number, text) for number, text in enumerate(texts))
    page.write_bytes(b"\n".join(json.dumps(row).encode() for row in rows))
    with Catalog.open(folder / CATALOG) as catalog:
        gather(catalog, [page])
