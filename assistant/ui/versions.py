"""The abstracts that a paper has and had -> HTML: where each stood, and what changed."""

from collections.abc import Sequence
from itertools import pairwise

from assistant.clean import for_html
from assistant.difference import changes
from assistant.sightings import Version

_MOST = 20
_TAGS = {"same": "span", "gone": "del", "new": "ins"}
# Read aloud, a line through a word is nothing.
_SIGNS = {"same": ("", ""), "gone": ("[-", "-]"), "new": ("{+", "+}")}


def versions_html(found: Sequence[Version]) -> str:
    """The newest versions, oldest first, and each change behind a line; nothing of a single one."""
    if len(found) < 2:
        return ""
    first = max(0, len(found) - _MOST)
    shown = list(enumerate(found, 1))[first:]
    items = "".join(f'<li value="{n}" dir="auto">{for_html(one.place)}</li>' for n, one in shown)
    steps = "".join(
        f"<details><summary>From {number} to {number + 1}</summary>"
        f'<p dir="auto">{_changes_html(before.abstract, after.abstract)}</p></details>'
        for (number, before), (_, after) in pairwise(shown)
    )
    return (
        f'<section class="browse-versions"><p class="browse-versions-head">{len(found):,} versions'
        f" of the abstract</p><ol>{items}</ol>{steps}</section>"
    )


def _changes_html(before: str, after: str) -> str:
    return " ".join(_change_html(*one) for one in changes(before, after))


def _change_html(kind: str, text: str) -> str:
    tag, (opening, closing) = _TAGS[kind], _SIGNS[kind]
    return f"<{tag}>{for_html(f'{opening}{text}{closing}')}</{tag}>"
