"""docs/address.md names every route, every field of a request, and every field that comes back."""

import asyncio
import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from stub_assistant import HIT, PAPER, StubAssistant, answer, sentence

from assistant import config
from assistant.api import create_app
from assistant.records import answer_record, paper_record, plain, search_record, verify_record
from assistant.schema import Refusal
from assistant.sightings import Version

TEXT = (Path(__file__).parents[1] / "docs" / "address.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`[^`]+`", TEXT))))
# What a mapping of names holds is the source's own.
OPEN = ("extra", "identifiers", "timings_ms")


def fields(record: Any) -> Iterator[str]:
    if isinstance(record, list):
        for one in record:
            yield from fields(one)
    if isinstance(record, Mapping):
        for name, value in record.items():
            yield name
            yield from fields(value) if name not in OPEN else ()


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    async def app() -> Any:
        stub: Any = StubAssistant()
        stub.settings = config.load(environ={})
        return create_app(stub, page=False)

    described: dict[str, Any] = asyncio.run(app()).openapi()
    return described


def test_every_route_and_every_field_of_a_request_is_named(described: dict[str, Any]) -> None:
    asked = set()
    for path, verbs in described["paths"].items():
        for verb, told in verbs.items():
            assert f"{verb.upper()} {path}" in TEXT
            asked |= {one["name"] for one in told.get("parameters", ())}
    for name, schema in described["components"]["schemas"].items():
        if name.endswith("Body"):
            asked |= schema["properties"].keys()
    assert asked - NAMED == set()


def test_every_field_of_a_record_is_named() -> None:
    refused = Refusal("not_stated", "The abstract does not say.", (HIT,))
    told = dataclasses.replace(
        answer("Q?", sentence("It [1].")), trouble="away", struck=(sentence("No."),)
    )
    records = (
        answer_record(told),
        answer_record(answer("Q?", refusal=refused)),
        search_record("Q?", [HIT]),
        verify_record([sentence("It.")]),
        {**paper_record(PAPER), "versions": [plain(Version("A", None, "", "p", 1, True))]},
    )
    assert {name for record in records for name in fields(record)} - NAMED == set()
