from hypothesis import given
from hypothesis import strategies as st

from assistant.difference import changes


@given(st.text(), st.text())
def test_both_texts_can_be_read_in_what_changed(before: str, after: str) -> None:
    found = list(changes(before, after))
    old = " ".join(one.text for one in found if one.kind != "new")
    new = " ".join(one.text for one in found if one.kind != "gone")
    assert (old.split(), new.split()) == (before.split(), after.split())
