import pytest

from assistant.verify import lexicon
from assistant.verify.alignment import edit
from assistant.verify.wording import compact, quantities, same, stem, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("14.0", "14"), ("1.4M", "1.4 million"), ("1,234", "1234"), ("3x", "3 times"),
        ("0.72×", "0.72 times"), (r"7.1$\times$", "7.1x"), (r"4\%", "4 percent"), ("two", "2"),
        ("twice", "2x"), ("+1.8%", "1.8%"), ("three-fold", "3"), ("3.4times", "3.4x"),
        ("half", "50%"), ("5.2", "5.2M"),
    ],
)  # fmt: skip
def test_one_number_in_two_spellings(one: str, other: str) -> None:
    assert same(quantities(one)[0], quantities(other)[0])


@pytest.mark.parametrize(
    ("one", "other"), [("14", "1.4"), ("3x", "3%"), ("1.4M", "1.4 thousand"), ("5 ms", "5 hours")]
)
def test_two_numbers_stay_two(one: str, other: str) -> None:
    assert not same(quantities(one)[0], quantities(other)[0])


def test_a_range_is_two_numbers() -> None:
    assert [one.value for one in quantities("between 41-137 hours")] == [41, 137]


def test_the_digits_of_a_name_are_no_number() -> None:
    assert quantities("ResNet50, CIFAR-10 and 3D maps") == ()


def test_names_are_told_from_words() -> None:
    names = [word.text for word in words("The model beats ViT and Swin on ImageNet-1K.")]
    assert names == [word.text for word in words("The model beats ViT and Swin on ImageNet-1K.")]
    told = {
        word.text for word in words("The model beats ViT and Swin on ImageNet-1K.") if word.is_name
    }
    assert told == {"ViT", "Swin", "ImageNet-1K"}


def test_compounds_are_their_parts() -> None:
    assert [word.text for word in words("a two-branch design")] == ["a", "two", "branch", "design"]


def test_endings_and_spelling_do_not_matter() -> None:
    assert stem("optimising") == stem("optimized") == stem("optimization")
    assert stem("queries") == stem("queried")


def test_accents_do_not_matter() -> None:
    assert compact("Monge-Ampère") == compact(r"Monge-Amp\`ere")


def test_opposites_go_both_ways() -> None:
    assert "lower" in lexicon.opposites("higher")
    assert "higher" in lexicon.opposites("lower")
    assert "greater" in lexicon.alike("more")


def test_a_sentence_of_earlier_work_is_told_from_our_own() -> None:
    assert lexicon.is_of_earlier_work("However, existing methods struggle.")
    assert not lexicon.is_of_earlier_work("Unlike existing methods, we propose more.")


def test_an_edit_counts_what_was_put_in_and_left_out() -> None:
    change = edit(["it", "never", "fails"], ["it", "often", "never", "really", "fails"])
    assert (change.kept, change.inserted, change.deleted) == (3, (), ("often", "really"))
    assert edit(["a"], ["b"]).kept == 0
