import pytest
from keeping import BATS, MOTHS, OWLS, WORMS, Keeping, keeping, kept, record, write_page  # noqa: F401

from assistant import Assistant, config
from assistant.catalog import Catalog
from assistant.errors import UsageError
from assistant.mentions import mentions
from assistant.news import News, news
from assistant.period import filters
from assistant.schema import Filters, Turn

# As of a day: OWLS is of 2021-03-12, BATS of 2022, MOTHS of 2023-05, WORMS of no date.


@pytest.mark.parametrize(
    ("as_of", "titles"),
    [
        ("2021-03-11", set()),
        ("2021-03-12", {OWLS}),
        ("2022-12-30", {OWLS}),
        ("2022-12", {OWLS, BATS}),
        ("2022", {OWLS, BATS}),
        ("2023-05-30", {OWLS, BATS}),
        ("2023-05", {OWLS, BATS, MOTHS}),
        ("2099", {OWLS, BATS, MOTHS}),
    ],
)
def test_as_of_a_day_only_what_is_surely_not_later_is_there(
    keep: Keeping, as_of: str, titles: set[str]
) -> None:
    with keep.open() as catalog:
        assert catalog.paper_ids(Filters(as_of=as_of)) == {keep.id_of_any(one) for one in titles}
    assert set(keep.found("animals heard or counted", "--as-of", as_of)) == titles


def test_no_later_paper_is_quoted_named_or_nearest(keep: Keeping) -> None:
    for question in ("How does MothEye count moths?", "Which papers count animals?", "moths"):
        ran = keep("ask", question, "--as-of", "2022", "--json")
        assert "street lamps" not in ran.out
        assert keep.id_of(MOTHS) not in ran.out
        assert keep.id_of(WORMS) not in ran.out
    ran = keep("ask", "What is MothEye?", "--as-of", "2022", "--json")
    assert (ran.code, ran.json["answer"]) == (3, "No paper of the corpus mentions MothEye.")
    assert keep("ask", "What is MothEye?", "--as-of", "2023-05", "--json").code == 0


def test_a_follow_up_is_made_of_nothing_later(keep: Keeping) -> None:
    history = [Turn("What is MothEye?", "MothEye counts moths at street lamps with a camera. [1]")]
    with Assistant(config.load()) as assistant:
        now = assistant.ask("Does it run on a phone?", history=history).answer()
        assert MOTHS in now.standalone_question
        then = assistant.ask(
            "Does it run on a phone?", history=history, filters=Filters(as_of="2022")
        ).answer()
    assert MOTHS not in then.standalone_question
    assert {hit.paper.title for hit in then.papers} <= {OWLS, BATS}


def test_a_word_that_only_later_papers_have_is_not_known(keep: Keeping) -> None:
    with Assistant(config.load()) as assistant:
        retriever = assistant._parts()._retriever
        assert retriever.knows("moths")
        assert not retriever.as_of("2022").knows("moths")
        assert retriever.as_of("2023").knows("moths")


def test_a_claim_is_held_against_nothing_later(keep: Keeping) -> None:
    claim = "MothEye counts moths at street lamps with a camera."
    now = keep("verify", "-", "--json", stdin=claim).json["sentences"][0]
    assert (now["verdict"], now["evidence"]["paper_id"]) == ("supported", keep.id_of(MOTHS))
    then = keep("verify", "-", "--json", "--as-of", "2022", stdin=claim).json["sentences"][0]
    assert then["verdict"] != "supported"
    assert (then["evidence"] or {}).get("paper_id") != keep.id_of(MOTHS)
    keep.write("claims.jsonl", f'{{"id": 1, "claim": "{claim}"}}')
    ran = keep("verify", "--file", "claims.jsonl", "--json", "--as-of", "2020")
    assert ran.json["sentences"][0]["verdict"] == "not_in_evidence"


def test_a_day_that_is_none_or_leaves_nothing_is_refused(keep: Keeping) -> None:
    for verb in ("ask", "search", "chat", "first"):
        ran = keep(verb, *([] if verb == "chat" else ["owls"]), "--as-of", "soon")
        assert (ran.code, "--as-of 'soon' is no date" in ran.err) == (2, True)
    assert keep("verify", "-", "--as-of", "soon", stdin="x").code == 2
    with pytest.raises(UsageError, match="since 2023 is after as_of 2022"):
        filters("2023", as_of="2022")


# What is new


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("What is new on owls since 2021?", News("owls", "2021")),
        ("What's new in owl ears and bats since 2021-03?", News("owl ears and bats", "2021-03")),
        ("what’s new about owls after 2021-03-12", News("owls", "2021-03-12")),
        ("And what is new since March 2021 on owls?", News("owls", "2021-03")),
        ("What has been published on owls since Mar 12, 2021?", News("owls", "2021-03-12")),
        ("Any news on owls since 5 May 2021?", News("owls", "2021-05-05")),
        ("Are there any new papers on owls since 2021?", News("owls", "2021")),
        ("New papers about owls since Sept 2021", None),
        ("new papers about owls since Sep. 2021", News("owls", "2021-09")),
        ("Since 2021, what is new on owls?", News("owls", "2021")),
        ("What is new on owls?", None),
        ("What is new on owls since 2021-13?", None),
        ("What is new on owls since yesterday?", None),
        ("Which papers have counted owls since 2021?", None),
    ],
)
def test_a_question_after_news_has_a_topic_and_a_date(question: str, wanted: News | None) -> None:
    assert news(question) == wanted


def test_what_is_new_comes_newest_first_and_cites(keep: Keeping) -> None:
    ran = keep("ask", "What is new on hearing owls and bats since 2021?", "--json")
    assert ran.code == 0, ran.json["answer"]
    assert [one["title"] for one in ran.json["citations"]] == [BATS, OWLS]
    assert all(one["verdict"] == "supported" for one in ran.json["sentences"])
    ran = keep("ask", "What is new on hearing owls and bats since 2022?", "--json")
    assert [one["title"] for one in ran.json["citations"]] == [BATS]


def test_the_newest_comes_before_the_nearest(keep: Keeping) -> None:
    topic = "OwlEar hears owls with a microphone"
    assert keep.found(topic, "--since", "2021")[:2] == [OWLS, BATS]
    papers = keep("new", topic, "--since", "2021", "--json").json["papers"]
    assert [one["title"] for one in papers] == [BATS, OWLS]


def test_where_nothing_is_new_it_says_so(keep: Keeping) -> None:
    ran = keep("ask", "What is new on hearing owls and bats since March 2023?", "--json")
    assert ran.code == 3
    assert ran.json["answer"] == (
        "No paper of the corpus since 2023-03 is about hearing owls and bats."
    )
    assert keep("ask", "What is new on owls since 2024?").code == 3


def test_new_lists_the_papers_on_a_topic(keep: Keeping) -> None:
    ran = keep("new", "hearing owls and bats", "--since", "2021", "--json")
    papers = ran.json["papers"]
    assert [(one["title"], one["rank"], one["date"]) for one in papers] == [
        (BATS, 1, "2022"),
        (OWLS, 2, "2021-03-12"),
    ]
    ran = keep("new", "hearing owls and bats", "--since", "2021", "--as-of", "2021")
    assert OWLS in ran.out
    assert BATS not in ran.out
    ran = keep("new", "hearing owls", "--since", "2024")
    assert (ran.code, ran.out) == (0, "")
    assert "undated papers are left out" in ran.err
    assert keep("new", "owls").code == 2


# First mention


def test_the_earliest_mention_comes_first_with_its_place(keep: Keeping) -> None:
    ran = keep("first", "owl ear", "--json")
    assert [(one["title"], one["known"], one["may_be_first"]) for one in ran.json["papers"]] == [
        (OWLS, "day", True),
        (BATS, "year", False),
    ]
    first = ran.json["papers"][0]
    assert first["seen"] == {"page": "first.jsonl", "position": 1, "line": 1}
    assert first["quote"] == OWLS
    ran = keep("first", "OwlEar", "-k", "1")
    assert ran.out.splitlines()[0] == f"2021-03-12  {OWLS}  {keep.id_of(OWLS)}"
    assert keep("first", "OwlEar", "--as-of", "2021-01", "--json").json["papers"] == []
    assert "no paper mentions that" in keep("first", "walrus").err


@pytest.fixture
def dated(keep: Keeping) -> Catalog:
    dates = ["2020-06", "2020", "2020-06-15", None, "2019-12-31", "not a date"]
    records = [
        {"title": f"Tern {number}", "abstract": "On SeaNet-10 and β-nets.", "date": date}
        for number, date in enumerate(dates)
    ]
    write_page(keep.pages / "terns.jsonl", *records)
    keep("index")
    return keep.open()


def test_a_date_that_is_not_whole_counts_as_its_last_day(dated: Catalog) -> None:
    with dated:
        found = mentions(dated, "SeaNet10")
        assert found == mentions(dated, "seanet 10") == mentions(dated, "SEANET-10")
    told = [(one.paper.title[-1], one.known, one.may_be_first) for one in found]
    assert told == [
        ("4", "day", True),
        ("2", "day", False),
        ("0", "month", False),
        ("1", "year", False),
        ("3", "nothing", False),
        ("5", "nothing", False),
    ]


def test_a_paper_that_may_yet_be_the_first_is_marked(dated: Catalog) -> None:
    with dated:
        dated.remove_papers([one.paper.paper_id for one in mentions(dated, "Tern 4")])
        found = mentions(dated, "seanet-10")
    assert [one.paper.title[-1] for one in found if one.may_be_first] == ["2", "0", "1"]


def test_a_term_is_a_whole_word_of_any_script(dated: Catalog) -> None:
    with dated:
        assert len(mentions(dated, "β nets")) == len(mentions(dated, "Β-Nets")) == 6
        assert mentions(dated, "Sea") == mentions(dated, "SeaNet-1") == []
        assert len(mentions(dated, "%SeaNet_10%")) == 6
        with pytest.raises(UsageError, match="no letters"):
            mentions(dated, "…")
