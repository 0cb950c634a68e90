"""List operations: the exact values, the two ways of writing them, and what is drawn."""

import itertools

import numpy as np
import pytest
from cases import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmlab.data.trees import (
    evaluate,
    list_operations,
    list_vocabulary,
    node_tokens,
    sequence_tokens,
)
from lstmlab.trees import Trees


def depth_of(e):
    return 1 + max(depth_of(a) for a in e[1:]) if isinstance(e, tuple) else 0


def widths_of(e):
    return [len(e) - 1, *(w for a in e[1:] for w in widths_of(a))] if isinstance(e, tuple) else []


def read(tokens):
    """Rebuild an expression from its tokens with brackets: a second reader, by a stack."""
    stack = [[]]
    for token in tokens:
        if token == "(":
            stack.append([])
        elif token == ")":
            done = tuple(stack.pop())
            stack[-1].append(done)
        else:
            stack[-1].append(token)
    ((expression,),) = stack
    return expression


@pytest.mark.parametrize(
    ("expression", "modulus", "value"),
    [
        (2, 3, 2),
        (("MAX", 0, 2, 1), 3, 2),
        (("MIN", 1, 2), 3, 1),
        (("SUM", 2, 2), 3, 1),
        (("SUM", 2, 2), 10, 4),
        (("SUM", 7, 8, 9), 10, 4),
        (("MAX", ("MIN", 2, 1), ("SUM", 2, 1)), 3, 1),
        (("SUM", ("MAX", 1, ("MIN", 2, 0)), 2), 3, 0),
    ],
)
def test_values_by_hand(expression, modulus, value):
    assert evaluate(expression, modulus) == value


@given(seed=st.integers(0, 2**31), m=st.integers(2, 10), k=st.integers(1, 4), d=st.integers(1, 4))
@settings(max_examples=examples(12), deadline=None)
def test_what_is_drawn_is_what_was_asked_for(seed, m, k, d):
    data = list_operations(10, depth=(1, d), modulus=m, n_children=(1, k), rng=seed)
    for e, tokens, sequence, label in zip(*data, strict=True):
        assert 1 <= depth_of(e) <= d
        assert set(widths_of(e)) <= set(range(1, k + 1))
        assert label == evaluate(e, m)
        assert 0 <= label < m
        assert read(sequence) == e
        assert tokens == [t for t in sequence if t not in ("(", ")")]
        assert {t for t in tokens if isinstance(t, int)} <= set(range(m))
        assert sequence.count("(") == sequence.count(")") == len(widths_of(e))


def test_a_depth_is_reached_exactly_and_every_depth_is_drawn():
    deep = list_operations(30, depth=5, rng=1)
    assert {depth_of(e) for e in deep.expressions} == {5}
    mixed = list_operations(300, depth=(1, 3), rng=2)
    counts = np.bincount([depth_of(e) for e in mixed.expressions])
    assert counts[0] == 0
    assert (counts[1:] > 60).all()
    assert not set(deep.expressions) & set(mixed.expressions)
    assert {depth_of(e) for e in list_operations(60).expressions} == {1, 2, 3}


def test_the_longest_path_may_turn_either_way():
    sides = [depth_of(e[1]) > depth_of(e[2]) for e in list_operations(100, depth=2, p_digit=1.0).expressions]
    assert 25 < sum(sides) < 75


def test_the_probability_of_a_digit_shapes_the_trees():
    small = list_operations(50, depth=3, p_digit=1.0)
    large = list_operations(50, depth=3, p_digit=0.0)
    assert {len(t) for t in small.tokens} == {7}  # a comb: two nodes more a level
    assert np.mean([len(t) for t in large.tokens]) > 9


def test_digits_operators_and_labels_all_occur():
    data = list_operations(400, rng=3)
    tokens = set(itertools.chain.from_iterable(data.tokens))
    assert tokens == {0, 1, 2, "MAX", "MIN", "SUM"}
    assert data.labels.dtype == np.int64
    share = np.bincount(data.labels, minlength=3) / 400
    assert share.min() > 0.2
    assert share.max() < 0.5
    only = list_operations(20, operators=["MIN"], rng=3)
    assert {t for ts in only.tokens for t in ts if isinstance(t, str)} == {"MIN"}


def test_the_seed_decides():
    a, b, c = (list_operations(20, rng=seed) for seed in (1, 1, 2))
    assert a.expressions == b.expressions
    assert a.expressions != c.expressions
    assert list_operations(20, rng=np.random.default_rng(1)).expressions == a.expressions


def test_excluded_expressions_do_not_come():
    train = list_operations(500, depth=(1, 2), rng=4)
    test = list_operations(50, depth=(1, 2), exclude=train.expressions, rng=5)
    assert not set(train.expressions) & set(test.expressions)
    everything = [("MAX", a, b) for a in range(2) for b in range(2)]
    with pytest.raises(ValueError, match="exclude: expected something left to draw"):
        list_operations(1, depth=1, modulus=2, operators=["MAX"], exclude=everything)


def test_nodes_stand_in_the_order_of_trees():
    data = list_operations(20, n_children=(1, 3), rng=6)
    trees = Trees.from_nested(data.expressions)
    assert list(trees.labels) == list(itertools.chain.from_iterable(data.tokens))
    assert trees.roots.tolist() == np.cumsum([0] + [len(t) for t in data.tokens[:-1]]).tolist()
    assert len(trees.levels) == 1 + max(depth_of(e) for e in data.expressions)


def test_the_vocabulary_numbers_digits_by_their_value():
    assert list_vocabulary(3) == {0: 0, 1: 1, 2: 2, "MAX": 3, "MIN": 4, "SUM": 5}
    assert list_vocabulary(2, ["MIN"], brackets=True) == {0: 0, 1: 1, "MIN": 2, "(": 3, ")": 4}


def test_the_two_ways_of_writing():
    e = ("MAX", 1, ("MIN", 2, 0))
    assert node_tokens(e) == ["MAX", 1, "MIN", 2, 0]
    assert sequence_tokens(e) == ["(", "MAX", 1, "(", "MIN", 2, 0, ")", ")"]
    assert sequence_tokens(1) == node_tokens(1) == [1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: list_operations(0), "n: expected a positive"),
        (lambda: list_operations(1, modulus=0), "modulus: expected a positive"),
        (lambda: list_operations(1, depth=0), "depth: expected a positive"),
        (lambda: list_operations(1, depth=(3, 1)), r"depth: expected \(least, greatest\), got \(3, 1\)"),
        (lambda: list_operations(1, depth=(1, 2, 3)), "depth: expected a number or"),
        (lambda: list_operations(1, n_children=(0, 2)), "n_children: expected a positive"),
        (lambda: list_operations(1, operators=["MED"]), "operators: expected some of MAX, MIN, SUM"),
        (lambda: list_operations(1, operators=[]), "operators: expected some of"),
        (lambda: list_operations(1, p_digit=1.5), "p_digit: expected a probability"),
        (lambda: evaluate(3, 3), "expression: expected a digit from 0 to 2, got 3"),
        (lambda: evaluate(True, 3), "expression: expected a digit from 0 to 2, got True"),
        (lambda: evaluate(("MED", 1), 3), "expression: expected one of MAX, MIN, SUM"),
        (lambda: evaluate(("MAX",), 3), "expression: expected one of MAX, MIN, SUM with arguments"),
        (lambda: evaluate((), 3), "expression: expected one of MAX, MIN, SUM"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
