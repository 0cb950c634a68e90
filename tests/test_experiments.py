"""The stored results of the experiments: complete, and what the book shows. Nothing is trained here."""

from __future__ import annotations

import json
import math
import statistics

import pytest

from experiments import harness, page

EXPERIMENTS = harness.experiments()
each = pytest.mark.parametrize("name", EXPERIMENTS)

#: Numbers that are a baseline: another network, a simpler method, an untrained one, a bound from theory.
BASELINES = (
    *("RNN", "untrained", "plain", "K=5", "b_f=0", "all scores", "persistence", "AR", "bigram", "gram"),
    *("entropy", "variance", "no attention", "without", "none", "majority", "sequence", "chance", "baseline"),
)


def stored(name: str) -> dict:
    """Return the last result of an experiment that has one."""
    result = harness.load(name)
    assert result is not None, f"{name} was never run: python -m experiments {name}"
    return result


@each
def test_an_experiment_can_fail_and_can_be_repeated(name):
    experiment = EXPERIMENTS[name]
    assert experiment.rules
    assert len({rule.text for rule in experiment.rules}) == len(experiment.rules)
    assert experiment.title
    assert experiment.settings
    assert len(set(experiment.seeds)) == len(experiment.seeds)
    assert len(experiment.seeds) >= 3 or "deterministic" in experiment.settings


@each
def test_the_stored_result_is_that_of_the_declared_experiment(name):
    result, experiment = stored(name), EXPERIMENTS[name]
    assert result["seeds"] == list(experiment.seeds)
    assert list(result["rules"]) == [rule.text for rule in experiment.rules]
    for key in ("title", "source"):
        assert result[key] == getattr(experiment, key)
    assert result["settings"] == json.loads(json.dumps(dict(experiment.settings)))
    for key, values in result["measured"].items():
        assert len(values) == len(experiment.seeds), key
        assert all(math.isfinite(value) for value in values), key
        assert result["median"][key] == statistics.median(values)


@each
def test_every_rule_holds_when_judged_anew(name):
    result = stored(name)
    judged = harness.judge(EXPERIMENTS[name], result["measured"])
    assert judged == result["rules"]
    assert all(judged.values()), [text for text, holds in judged.items() if not holds]


@each
def test_a_baseline_stands_beside_the_result(name):
    measured = stored(name)["measured"]
    assert len(measured) >= 2
    found = [key for key in measured if any(word in key for word in BASELINES)]
    assert found, f"expected a baseline among {', '.join(measured)}"


@each
def test_the_rules_can_fail(name):
    """Numbers that are as bad as they can be must break at least one rule, whichever way is bad."""
    measured = stored(name)["measured"]
    verdicts = []
    for worst in (-1e9, 1e9):
        numbers = {key: [worst] * len(values) for key, values in measured.items()}
        verdicts.append(all(harness.judge(EXPERIMENTS[name], numbers).values()))
    assert not all(verdicts)


@each
def test_a_table_cell_is_one_cell(name):
    result = stored(name)
    for text in (result["title"], *result["measured"], *result["rules"]):
        assert "|" not in text
        assert "\n" not in text


def test_there_is_no_result_without_an_experiment():
    assert {path.stem for path in harness.RESULTS.glob("*.json")} <= set(EXPERIMENTS)


def test_the_page_is_made_from_the_results():
    assert page.PAGE.read_text(encoding="utf8") == page.text(), "run: python -m experiments --page"


def test_the_harness_sorts_by_number():
    names = ["E10", "E2b", "E1", "E2", "E10b"]
    assert sorted(names, key=harness.order) == ["E1", "E2", "E2b", "E10", "E10b"]


def test_a_result_holds_every_seed_in_order():
    experiment = harness.Experiment(
        "E0",
        "nothing",
        lambda seed: {"a": seed},
        [harness.Rule("a: below 2", lambda m: max(m["a"]) < 2)],
        seeds=(2, 0, 1),
    )
    result = harness.record(experiment, {seed: experiment.run(seed) for seed in (2, 0, 1)}, [3.0, 1.0, 2.0])
    assert result["seeds"] == [0, 1, 2]
    assert result["measured"] == {"a": [0, 1, 2]}
    assert result["median"] == {"a": 1}
    assert result["rules"] == {"a: below 2": False}
    assert result["machine"]["seconds a seed"] == 2.0
    assert "**no**" in harness.table([result])
