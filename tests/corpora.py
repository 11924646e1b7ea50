"""A small corpus of papers that were never published, indexed by the real engines."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from assistant import answerability
from assistant.blended import Blended
from assistant.catalog import Catalog
from assistant.encoder import MODELS, MiniLM
from assistant.generation import Index, open_index
from assistant.indexer import Indexer
from assistant.readings import Readings
from assistant.relevance import Relevance
from assistant.retriever import Retriever
from assistant.schema import Paper

OWLS = "OwlEar: Hearing Night Migration with Cheap Microphones"
TIDES = "TideFormer: Forecasting Coastal Floods from Tide Gauges"
GLACIERS = "GlacierMesh: Ice Flow on Adaptive Grids"
POLLEN = "Counting Pollen Grains from Phone Photographs"
COMPOST = "Why Compost Sensors Fail in Winter"
BEES = "A Survey of Acoustic Beehive Monitoring"

FIRST_PAGE = {
    OWLS: (
        "Many birds migrate at night, when nobody sees them. We introduce OwlEar, a network that"
        " detects flight calls of birds in recordings of microphones that cost 12 dollars each."
        " OwlEar is trained on 40,000 recordings of NightCalls-7. It detects 81.5 percent of the"
        " flight calls, 9 points more than the best earlier detector. Rain remains the main cause"
        " of false alarms.",
        "2021-03-12",
    ),
    TIDES: (
        "Coastal floods threaten harbours and towns. We propose TideFormer, a transformer that"
        " reads the last 72 hours of tide gauges and forecasts the water level. On GaugeSet-5 it"
        " lowers the mean error by 23 percent against harmonic analysis. TideFormer needs 4 GPU"
        " hours of training. Code is available at https://example.org/tide.",
        "2022-07",
    ),
    GLACIERS: (
        "Glaciers flow faster where their bed is wet. Models of ice flow therefore need fine"
        " grids, which are slow. We present GlacierMesh, which refines the grid only near the"
        " grounding line, as TideFormer refines its forecasts near high water. It is 6 times"
        " faster than a uniform grid at the same error. GaugeSet-5 gives the sea level.",
        "2023",
    ),
}
SECOND_PAGE = {
    POLLEN: (
        "Allergies depend on how much pollen is in the air. We count pollen grains in photographs"
        " that a phone takes through a cheap lens. A small convolutional network reaches 94"
        " percent of the accuracy of a trained expert. The phone needs 3 seconds for each slide.",
        "2022-11-02",
    ),
    COMPOST: (
        "Compost heaps are watched by temperature sensors. In winter these sensors fail, because"
        " condensed water freezes in their connectors. A coat of wax keeps the connectors dry and"
        " lets 19 of 20 sensors survive the winter.",
        None,
    ),
    BEES: " ".join(
        [
            "Beekeepers listen to their hives to learn how the colony fares.",
            "This survey reads 112 articles on acoustic beehive monitoring.",
            *(
                f"Group {number} of the articles records the hive with {number + 1} microphones"
                " under the frames and names the sound of a queen, of a swarm and of a robbed hive."
                for number in range(1, 12)
            ),
            "Detection of swarming is reported with an accuracy between 70 and 96 percent.",
        ]
    ),
}


@dataclass(frozen=True)
class Corpus:
    """What a test needs of the indexed papers."""

    folder: Path
    catalog: Catalog
    index: Index
    encoder: MiniLM
    readings: Readings
    retriever: Retriever

    def paper(self, title: str) -> Paper:
        """The paper of that title."""
        return next(paper for paper in self.catalog.papers() if paper.title == title)

    def ids(self, *titles: str) -> list[str]:
        """The papers' ids."""
        return [self.paper(title).paper_id for title in titles]


@cache
def minilm() -> MiniLM:
    """The shipped encoder, loaded once."""
    return MiniLM()


@cache
def quoting_model() -> Relevance:
    """The shipped model of what to quote."""
    return Relevance.load(MODELS / "quoting.json")


@cache
def refusal_model() -> Blended:
    """The shipped model of when to decline."""
    return Blended.load(MODELS / "refusal.json", answerability.FEATURES)


def write(folder: Path) -> Sequence[Path]:
    """The two pages, as JSON Lines and as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    first = [
        {"title": title, "abstract": abstract, "date": date}
        for title, (abstract, date) in FIRST_PAGE.items()
    ]
    second = []
    for title, found in SECOND_PAGE.items():
        abstract, date = (found, "2019-05") if isinstance(found, str) else found
        second.append({"title": title, "abstract": abstract, **({"date": date} if date else {})})
    paths = (folder / "first.jsonl", folder / "second.json")
    paths[0].write_text("\n".join(map(json.dumps, first)), encoding="utf-8")
    paths[1].write_text(json.dumps(second), encoding="utf-8")
    return paths


def indexed(folder: Path) -> Corpus:
    """The corpus, taken in as `assistant index` does."""
    catalog, encoder = Catalog.open(folder / "catalog.sqlite"), minilm()
    readings = Readings(catalog, encoder)
    Indexer(catalog, encoder, folder, None, readings).index(write(folder / "pages"))
    index = open_index(catalog, folder, encoder.identity)
    retriever = Retriever(catalog, index, encoder, readings)
    return Corpus(folder, catalog, index, encoder, readings, retriever)
