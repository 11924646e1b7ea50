"""The threats, in their order: each with its figure, and with the tests that hold it."""

from collections.abc import Callable
from typing import NamedTuple

from threats import browsed, poisoned, soak, texts
from threats.ground import Ground


class Threat(NamedTuple):
    """A row of the table."""

    name: str
    what: str
    wanted: str
    tests: tuple[str, ...]
    """file::words of the tests that hold it."""
    figure: Callable[[Ground], str] | None = None


THREATS = (
    Threat(
        "S1",
        "a puppet model that obeys every planted instruction",
        "0 requests, tags, control bytes, foreign citations, leaks",
        ("test_injection::",),
        texts.puppet,
    ),
    Threat(
        "S2",
        "fences random a request, delimiters and role tokens broken",
        "0 of 1,000 break out",
        ("test_prompts::breaks_out|fence", "test_clean::fence|role_token"),
        texts.fences,
    ),
    Threat(
        "S3",
        "hidden characters taken out at entry, counted, shown by `doctor`",
        "0 survive; other text NFC and unchanged",
        ("test_clean::", "test_doors::", "test_cli_doctor::dirty_text"),
        texts.hidden,
    ),
    Threat(
        "S4",
        "attack success with a real model",
        "≤ 2 %; quality drop ≤ 1 point",
        ("test_injection::measured",),
        texts.real_model,
    ),
    Threat(
        "S5",
        "harmless texts with trigger words",
        "0 refused, 0 altered",
        ("test_orders::no_order|corpus_is_one",),
        texts.harmless,
    ),
    Threat(
        "S6",
        "a poisoned corpus: truth beside five lies",
        "disagreement shown, copies collapsed",
        ("test_sides::",),
        poisoned.poisoned,
    ),
    Threat(
        "S7",
        "XSS and exfiltration strings in Chromium",
        "0 dialogs, bad links, requests",
        ("test_page_model::hostile|markup", "test_page::tampered|own_address", "test_ui_kept::"),
        browsed.in_chromium,
    ),
    Threat(
        "S8",
        "the policy on every route",
        "0 violations in normal use",
        ("test_api_guard::policy", "test_page::", "test_page_rooms::"),
    ),
    Threat(
        "S9",
        "ANSI and rich payloads at a terminal and a pipe",
        "0 control bytes, 0 crashes",
        ("test_bad_input::naughty", "test_injection::any_door", "test_clean::terminal"),
    ),
    Threat(
        "S10",
        "a canary key everywhere",
        "0 occurrences",
        (
            "test_redact::",
            "test_serve::secret",
            "test_provider_path::no_key",
            "test_encoder::key",
            "test_api::tells_no_key",
            "test_server_key::",
        ),
    ),
    Threat(
        "S11",
        "no network; files in our folders alone",
        "0 look-ups, 0 connects",
        ("test_offline::",),
    ),
    Threat(
        "S12",
        "foreign Host, foreign Origin",
        "421, 403",
        ("test_api_guard::name|421|another_site|own_page",),
    ),
    Threat(
        "S13", "file reads through the page", "all 4xx", ("test_api_guard::file_of_the_machine",)
    ),
    Threat(
        "S14–15",
        "uploads and messages beyond the limits",
        "a sentence; < 50 MB",
        (
            "test_api_guard::upload|large_bodies|unknown_length|beyond_the_limit",
            "test_api::too_large",
            "test_api_rate::limit_of_a_body|does_not_come_to_its_end",
            "test_ui_upload::unpacks",
        ),
    ),
    Threat(
        "S16",
        "full queue, rate limits, tokens a day",
        "a sentence, 0 hangs",
        (
            "test_api_rate::",
            "test_budget::",
            "test_api::so_many|turned_away",
            "test_page::turned_away",
            "test_ui_answers::spent_tokens",
        ),
    ),
    Threat(
        "S17",
        "login, constant time, lockout",
        "sixth failure: 429",
        ("test_api_guard::sixth|forged|secret|login|token|password",),
    ),
    Threat(
        "S18",
        "an exception with a secret or a path",
        "an id alone",
        (
            "test_api::unexpected",
            "test_api_guard::no_words_of_a_fault",
            "test_redact::unexpected",
            "test_ui_upload::folder_of_the_machine",
        ),
    ),
    Threat(
        "S19",
        "lock with hashes, minimum versions, unused and missing dependencies",
        "none known",
        ("test_least::",),
    ),
    Threat(
        "S20",
        "the shipped model's hash; no pickle",
        "one flipped byte: refused",
        ("test_encoder::flipped|missing_model|manifest", "test_doors::unpickled"),
    ),
    Threat(
        "R7",
        "the provider's faults",
        "one typed error each, ≤ 3 requests",
        ("test_llm::", "test_provider_path::"),
    ),
    Threat(
        "R9",
        "naughty strings everywhere",
        "0 tracebacks",
        ("test_bad_input::", "test_clean::"),
        texts.naughty,
    ),
    Threat(
        "R10",
        "a soak of 2,000 questions",
        "slope about 0, no leaks",
        ("test_load::", "test_store::many_who_ask"),
        soak.soaked,
    ),
)
