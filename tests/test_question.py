import pytest

from assistant import question
from assistant.words import STOP_WORDS


@pytest.mark.parametrize(
    ("asked", "kinds"),
    [
        ("How many parameters has it?", {"number", "quantity"}),
        ("What accuracy does it reach?", {"number", "quantity"}),
        ("How do the two compare?", {"number", "method"}),
        ("Why do sensors fail?", {"reason"}),
        ("What is wrong with uniform grids?", {"reason", "method"}),
        ("How does OwlEar work?", {"method"}),
        ("Which steps are taken?", {"method"}),
        ("Who wrote it?", set()),
    ],
)
def test_the_wording_tells_what_kind_of_answer_is_wanted(asked: str, kinds: set[str]) -> None:
    wanted = question.wanted(asked)
    kinds_found = {
        kind for kind in ("number", "quantity", "reason", "method") if getattr(wanted, kind)
    }
    assert kinds_found == kinds


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("How do SLAB-Swin and Flatten-Swin compare on ImageNet-1K?",
         ["SLAB-Swin", "Flatten-Swin", "ImageNet-1K"]),
        ("What is BERT, and what is TideFormer?", ["BERT", "TideFormer"]),
        ("Does vLLM beat t-SNE?", ["vLLM", "t-SNE"]),
        ("Is it trained on Kinetics?", ["Kinetics"]),
        ("Which 3DMatch score?", ["3DMatch"]),
        ("Why is yolov8 fast?", ["yolov8"]),
        ("BERT or BERT?", ["BERT"]),
        ("Which GPUs and LLMs does AI need in 3D?", []),
        ("Where are the small words?", []),
    ],
)  # fmt: skip
def test_names_are_found_in_order_and_each_once(asked: str, names: list[str]) -> None:
    assert question.names(asked) == names


def test_content_words_leave_out_what_frames_a_question() -> None:
    assert question.content_words("What does the Transformer's decoder use?") == [
        "transformer's",
        "decoder",
    ]
    assert not STOP_WORDS & set(question.content_words(" ".join(STOP_WORDS)))


@pytest.mark.parametrize(
    "asked",
    [
        "Compare OwlEar with TideFormer.",
        "Which papers use microphones?",
        "List all works on bees.",
        "Two ways of counting pollen: name them.",
        "Which two models forecast floods, and how fast is each?",
        "One uses wax and another uses glue: which?",
        "One is fast, one is small: which is which?",
        "What do both networks need, and how long does each train?",
        "What does each of these papers measure?",
    ],
)
def test_a_question_about_several_papers_is_known(asked: str) -> None:
    assert question.wants_several(asked)


@pytest.mark.parametrize(
    "asked",
    [
        "How many sensors survive the winter?",
        "Which network detects flight calls?",
        "Why do the connectors freeze?",
        "Does the survey list microphones?",
    ],
)
def test_a_question_about_one_paper_is_not_taken_for_one_about_several(asked: str) -> None:
    assert not question.wants_several(asked)


@pytest.mark.parametrize(
    ("asked", "thing"),
    [
        ("On how many annotators does it rely?", "annotators"),
        ("Which reward model is used?", "reward model"),
        ("What training data does OwlEar need?", "training data"),
        ("Does it rain?", None),
    ],
)
def test_the_thing_asked_for_is_where_it_stands(asked: str, thing: str | None) -> None:
    span = question.asked_for(asked)
    assert (asked[slice(*span)] if span else None) == thing


def test_papers_are_asked_for_by_their_name() -> None:
    assert question.speaks_of_papers("Are there any articles on bees?")
    assert not question.speaks_of_papers("Are there any bees?")


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ("Compare the three studies of bees.", 3),
        ("Which two flood models are there?", 2),
        ("Both of them: how does each count?", 2),
        ("How do the five benchmarks differ?", 5),
        ("Compare the two.", 2),
        ("How long do two sensors last?", None),
        ("Which papers use microphones?", None),
    ],
)
def test_how_many_papers_are_asked_for(asked: str, count: int | None) -> None:
    assert question.how_many(asked) == count


@pytest.mark.parametrize(
    "asked", ["How fast is it?", "And in winter?", "What about rain there?", "Why?"]
)
def test_a_question_that_leans_on_what_was_said_is_known(asked: str) -> None:
    assert question.refers_back(asked)


def test_a_question_that_stands_alone_is_left_alone() -> None:
    assert not question.refers_back("Why do compost sensors fail in winter?")


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("Please tell me: How does S-LoRA work?", "How does S-LoRA work?"),
        ("could you please explain to me why vLLM is fast, thanks", "Why vLLM is fast?"),
        ("Hi! I'd like to know what GPipe is.", "What GPipe is."),
        ("How does S-LoRA work, please?", "How does S-LoRA work?"),
        ("Tell me: by how much does it shrink?", "By how much does it shrink?"),
        ("How does S-LoRA work", "How does S-LoRA work?"),
        ("  Do you know which nets are small?  ", "Which nets are small?"),
        ("Compare S-LoRA and vLLM.", "Compare S-LoRA and vLLM."),
        ("So-called experts: what are they?", "So-called experts: what are they?"),
        ("Can you compress a net?", "Can you compress a net?"),
        ("Tell vLLM from SGLang.", "Tell vLLM from SGLang."),
        ("please", "please?"),
        ("Thanks", "Thanks?"),
        ("…", "…"),
    ],
)
def test_what_is_said_around_a_question_is_no_part_of_it(said: str, asked: str) -> None:
    assert question.plain(said) == asked
    assert question.plain(asked) == asked
