"""Sets of questions -> quoting.json and refusal.json, and what they reach on papers not seen."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from assistant import quoting, selection
from assistant.blended import Blended
from assistant.encoder import MODELS
from assistant.relevance import Relevance
from evals import metrics
from evals.cases import Case, cases
from evals.dataset import Sample
from evals.fitting import Floats, fit, needed, refusal_rows
from evals.folds import FOLDS, fold_of, grouped, splits
from evals.metrics import Estimate
from evals.parts import Fitted, opened, taken_apart
from evals.run import refuse_faults


@dataclass(frozen=True, slots=True)
class Unseen:
    """What models say of cases whose papers they have not seen."""

    sentences: list[Floats]
    """Of each single-paper question: the probability of each sentence of its paper."""
    answerable: Floats
    """Of each case: the probability that the corpus answers it."""


def fit_and_tell(
    samples: Sequence[Sample], data_folder: Path | None, seed: int, *, write: bool
) -> str:
    """Fit both models, write them if asked to, and say what they reach."""
    with opened(data_folder) as assistant:
        refuse_faults(samples, assistant.catalog)
        floor, max_words = (
            assistant.settings.refusal.stated_floor,
            assistant.settings.answer.max_words,
        )
        with taken_apart(assistant) as parts:
            found = cases(parts, samples)
    fitted, unseen = fit(found), cross_validated(found)
    lines = [f"{len(found)} cases, {FOLDS} folds of papers", ""]
    lines += quoting_lines(found, unseen.sentences, max_words)
    lines += refusal_lines(found, unseen.answerable, floor, "cross-validated")
    seen = fitted.refusal.probability(refusal_rows(found, fitted.quoting))
    lines += refusal_lines(found, seen, floor, "fitted on all, on what it was fitted on")
    if write:
        lines += [f"wrote {path}" for path in written(fitted, MODELS)]
    return "\n".join(lines)


def cross_validated(found: Sequence[Case]) -> Unseen:
    """Every case as models see it that were fitted on the other folds."""
    answerable = np.zeros(len(found))
    sentences: list[Floats] = [np.zeros(0)] * len(found)
    for train, test in splits(fold_of(grouped([case.papers for case in found]))):
        fitted, tested = fit([found[place] for place in train]), [found[place] for place in test]
        answerable[test] = fitted.refusal.probability(refusal_rows(tested, fitted.quoting))
        for place in test:
            if found[place].gold:
                sentences[place] = _probabilities(fitted.quoting, found[place])
    return Unseen([one for one in sentences if len(one)], answerable)


def _probabilities(model: Relevance, case: Case) -> Floats:
    query, question = case.ranking.query, case.ranking.question
    return model.probabilities(question, query, case.gold)


def quoting_lines(found: Sequence[Case], unseen: Sequence[Floats], max_words: int) -> list[str]:
    """How well the sentences that an answer needs are told, given the right paper."""
    singles = [case for case in found if case.gold]
    labels = np.concatenate([needed(case) for case in singles])
    auc = roc_auc_score(labels, np.concatenate(unseen))
    held, said = [], []
    for case, probabilities in zip(singles, unseen, strict=True):
        text = _quoted(case, probabilities, max_words)
        held.append(metrics.facts_held(text, case.sample.must if case.sample else ()))
        said.append([float(metrics.words(text))])
    return [
        "quoting, the right paper given, cross-validated",
        f"  {'AUC of sentences':<36}{auc:.3f}",
        _line("facts held", metrics.proportion(held)),
        _line("words", metrics.mean(said)),
        "",
    ]


def _quoted(case: Case, probabilities: Floats, max_words: int) -> str:
    pairs = zip(case.gold, probabilities, strict=True)
    quotes = [quoting.Quote(passage, float(one)) for passage, one in pairs]
    chosen = quoting.choose(quotes, max_words, selection.FLOOR)
    return " ".join(quoting.trimmed(quote.passage.text) for quote in chosen)


def refusal_lines(found: Sequence[Case], answerable: Floats, floor: float, title: str) -> list[str]:
    """What is declined of each kind of question below `floor`."""
    origins = np.array([case.origin for case in found])
    told = np.isin(origins, ("single", "unanswerable"))
    auc = roc_auc_score(origins[told] == "single", answerable[told])
    lines = [f"refusal, {title}: declined below {floor}", f"  {'AUC':<36}{auc:.3f}"]
    for name, places in _kinds(found).items():
        declined = [bool(answerable[place] < floor) for place in places]
        lines.append(_line(name, metrics.proportion(declined)))
    return [*lines, ""]


def _kinds(found: Sequence[Case]) -> dict[str, list[int]]:
    """The places of each kind of case, those of the unanswerable in their subkinds as well."""
    kinds: dict[str, list[int]] = {}
    for place, case in enumerate(found):
        kinds.setdefault(case.origin, []).append(place)
    for place in kinds.get("unanswerable", ()):
        if sample := found[place].sample:
            kinds.setdefault(f"unanswerable, {sample.subkind}", []).append(place)
    return kinds


def _line(name: str, estimate: Estimate) -> str:
    digits = 1 if estimate.value > 1 else 3
    value, low, high = (f"{number:.{digits}f}" for number in estimate[:3])
    return f"  {name:<36}{value}   {low} – {high}   n = {estimate.n}"


def written(fitted: Fitted, folder: Path) -> list[Path]:
    """The files of both models, the same bytes for the same numbers."""
    paths = []
    for name, model in fitted._asdict().items():
        path = folder / f"{name}.json"
        path.write_text(as_json(model), encoding="utf-8")
        paths.append(path)
    return paths


def as_json(model: Blended | Relevance) -> str:
    """A model as assistant/logistic.py reads it, and relevance.py and blended.py the rest."""
    logistic = model.logistic
    fields: dict[str, object] = {
        "features": list(logistic.features),
        "weights": [float(weight) for weight in logistic.weights],
        "bias": logistic.bias,
        "threshold": logistic.threshold,
    }
    if isinstance(model, Relevance):
        fields["axes"] = model.axes.tolist()
    else:
        fields |= {"shift": model.shift, "trees": model.trees.data}
    return json.dumps(fields) + "\n"
