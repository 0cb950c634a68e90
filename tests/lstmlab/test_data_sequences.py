"""Reber grammars, synthetic tasks, counting languages, Markov sources, dates: each against its definition."""

import math
import re
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from cases import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmlab.data import (
    DATE_FORMS,
    DATE_SYMBOLS,
    EMBEDDED_REBER,
    EMBEDDED_REBER_3,
    FIELDS,
    ISO_SYMBOLS,
    ORDER_CLASSES,
    ORDER_SYMBOLS,
    REBER,
    REBER_SYMBOLS,
    Grammar,
    MarkovSource,
    Vocabulary,
    adding,
    all_days,
    all_legal,
    blank_recall,
    copy,
    copy_baseline,
    counting_batch,
    counting_legal_sets,
    counting_string,
    counting_vocabulary,
    date_batch,
    distractor_recall,
    embedded_reber,
    exact_sets,
    next_symbol_batch,
    one_hot,
    reber_batch,
    split_days,
    temporal_order,
    write_date,
)
from lstmlab.data.dates import MONTHS

seeds = settings(max_examples=examples(12), deadline=None)
GRAMMARS = {1: EMBEDDED_REBER, 3: EMBEDDED_REBER_3}
# The inner grammar as a regular expression, found by eliminating the graph's nodes by hand.
LOOP = "(?:XT*VP)*(?:S|XT*VV)"
INNER = f"B(?:TS*X{LOOP}|PT*V(?:V|P{LOOP}))E"


def embedded_pattern(times):
    return re.compile(f"B([TP])(?:{INNER}){{{times}}}\\1E")


# ---------------------------------------------------------------- vocabularies


def test_vocabulary_there_and_back_and_its_refusals():
    v = Vocabulary("abc", unknown="c")
    assert v.decode(v.encode("cabz")) == "cabc"
    assert Vocabulary(["the", "cat"], separator=" ").decode([1, 0]) == "cat the"
    with pytest.raises(ValueError, match="'z' at position 1 is not one of the 3"):
        Vocabulary("abc").encode("az")
    with pytest.raises(ValueError, match=r"expected 0 to 2, got -1 at position 0"):
        v.decode([-1])
    for bad, message in (("", "at least one"), ("aba", "'a' more than once")):
        with pytest.raises(ValueError, match=message):
            Vocabulary(bad)
    with pytest.raises(ValueError, match="unknown: expected one of the symbols"):
        Vocabulary("ab", unknown="c")


def test_one_hot():
    assert one_hot([[0, 2], [-1, 1]], 3).tolist() == [[[1, 0, 0], [0, 0, 1]], [[0, 0, 0], [0, 1, 0]]]
    assert one_hot([0], 2, "float32").dtype == np.float32
    for bad in ([3], [-2], [0.5], [True]):
        with pytest.raises(ValueError, match="whole numbers from -1 to 2"):
            one_hot(bad, 3)


# ---------------------------------------------------------------- Reber


@seeds
@given(st.integers(0, 2**31))
def test_every_reber_string_is_accepted_and_agrees_with_the_regular_expression(seed):
    rng = np.random.default_rng(seed)
    for grammar, pattern in (
        (REBER, re.compile(INNER)),
        *((g, embedded_pattern(n)) for n, g in GRAMMARS.items()),
    ):
        string = grammar.sample(rng)
        assert grammar.accepts(string)
        assert pattern.fullmatch(string)
        assert not any(grammar.accepts(string[:i]) for i in range(len(string)))
        for i in range(len(string)):  # every change of one symbol
            for symbol in REBER_SYMBOLS:
                changed = string[:i] + symbol + string[i + 1 :]
                assert grammar.accepts(changed) == bool(pattern.fullmatch(changed))
                assert grammar.accepts(changed) == (changed == string)
            shorter = string[:i] + string[i + 1 :]
            assert grammar.accepts(shorter) == bool(pattern.fullmatch(shorter))


@pytest.mark.parametrize("times", GRAMMARS)
def test_the_remembered_symbol_decides_the_one_before_the_last(times):
    grammar = GRAMMARS[times]
    rng = np.random.default_rng(0)
    counts = {"T": 0, "P": 0}
    for _ in range(200):
        string = grammar.sample(rng)
        sets = grammar.legal_sets(string)
        assert sets[0] == {"T", "P"}
        assert sets[-2] == {string[1]}
        assert sets[-1] == {"E"}
        other = {"T": "P", "P": "T"}[string[1]]
        assert not grammar.accepts(string[:-2] + other + "E")
        assert grammar.accepts(
            string[0] + other + string[2:-2] + other + "E"
        )  # and nothing else depends on it
        counts[string[1]] += 1
    assert 60 < counts["T"] < 140


@pytest.mark.parametrize(("grammar", "mean"), [(REBER, 8), (EMBEDDED_REBER, 12), (EMBEDDED_REBER_3, 28)])
def test_mean_length_is_the_expected_time_to_absorption(grammar, mean):
    """Expected number of arcs, from the fundamental matrix (I - Q)^-1, and by counting."""
    n = len(grammar.arcs)
    Q = np.zeros((n, n))
    for node, arcs in enumerate(grammar.arcs):
        for to in arcs.values():
            Q[node, to] += 1 / len(arcs)
    alive = [i for i in range(n) if grammar.arcs[i]]
    fundamental = np.linalg.inv(np.eye(len(alive)) - Q[np.ix_(alive, alive)])
    assert abs(fundamental[0].sum() - mean) < 1e-12
    rng = np.random.default_rng(1)
    assert abs(np.mean([len(grammar.sample(rng)) for _ in range(2000)]) / mean - 1) < 0.04


def test_reber_batch_says_what_its_strings_say():
    batch = reber_batch(EMBEDDED_REBER_3, 5, rng=3)
    again = reber_batch(EMBEDDED_REBER_3, 5, rng=3)
    assert all(np.array_equal(a, b) for a, b in zip(batch, again, strict=True))
    T = int(batch.lengths.max())
    assert batch.x.shape == batch.legal.shape == (T, 5, 7)
    assert batch.targets.shape == (T, 5)
    for b, length in enumerate(batch.lengths):
        read = REBER_SYMBOLS.decode(batch.x[:length, b].argmax(1))
        string = read + REBER_SYMBOLS.decode(batch.targets[length - 1 : length, b])
        assert embedded_pattern(3).fullmatch(string)
        assert REBER_SYMBOLS.decode(batch.targets[:length, b]) == string[1:]
        for t in range(length):
            legal = {s for s, ok in zip(REBER_SYMBOLS, batch.legal[t, b], strict=True) if ok}
            assert legal == EMBEDDED_REBER_3.legal_next(string[: t + 1])
        assert not batch.x[length:, b].any()
        assert not batch.legal[length:, b].any()


def test_the_legal_criterion_is_one_half_without_memory_and_one_with_it():
    batch = reber_batch(EMBEDDED_REBER_3, 400, rng=0)
    knows_all = batch.legal.astype(float)
    assert all_legal(knows_all, batch).all()
    assert exact_sets(knows_all, batch, 0.3).all()
    forgets = knows_all.copy()
    columns = np.arange(400)
    forgets[batch.lengths - 2, columns] = 0.0
    forgets[batch.lengths - 2, columns, REBER_SYMBOLS.index["T"]] = 1.0
    assert abs(all_legal(forgets, batch).mean() - 0.5) < 0.08
    wrong_once = knows_all.copy()
    wrong_once[3, 7] = 1.0 - wrong_once[3, 7]
    assert np.flatnonzero(~all_legal(wrong_once, batch)).tolist() == [7]
    one_too_many = knows_all.copy()
    one_too_many[0, 2] = 1.0
    one_too_many[0, 2, REBER_SYMBOLS.index["T"]] = 2.0
    assert all_legal(one_too_many, batch).all()
    assert np.flatnonzero(~exact_sets(one_too_many, batch, 0.3)).tolist() == [2]
    after_the_end = knows_all.copy()
    for b, length in enumerate(batch.lengths):
        after_the_end[length:, b] = 1.0
    assert all_legal(after_the_end, batch).all()
    assert exact_sets(after_the_end, batch, 0.3).all()
    at_the_threshold = np.where(batch.legal, 1.0, 0.3)
    assert exact_sets(at_the_threshold, batch, 0.3).all()
    with pytest.raises(ValueError, match="finite"):
        all_legal(np.full(batch.legal.shape, np.nan), batch)
    with pytest.raises(ValueError, match="expected shape"):
        all_legal(knows_all[1:], batch)


def test_two_symbols_are_a_string_and_no_symbols_are_whole_numbers_too():
    batch = next_symbol_batch(["BE"], [["E"]], REBER_SYMBOLS)
    assert batch.lengths.tolist() == [1]
    assert REBER_SYMBOLS.encode("").dtype == np.int64


def test_grammar_refuses():
    with pytest.raises(ValueError, match="expected nodes 0 to 1"):
        Grammar([{"a": 2}, {}])
    with pytest.raises(ValueError, match="at least one node without arcs"):
        Grammar([{"a": 0}])
    with pytest.raises(ValueError, match="prefix: expected the beginning"):
        REBER.legal_next("BX")
    with pytest.raises(ValueError, match="times"):
        embedded_reber(0)
    with pytest.raises(TypeError, match="rng"):
        reber_batch(REBER, 2, rng=None)
    with pytest.raises(ValueError, match=r"strings\[0\]: expected two symbols or more"):
        next_symbol_batch(["B"], [[]], REBER_SYMBOLS)


# ---------------------------------------------------------------- synthetic tasks


def test_adding_marks_one_in_each_half_and_the_target_is_their_sum():
    x, y = adding(9, 500, rng=0)
    values, marks = x[..., 0], x[..., 1]
    assert ((marks == 0) | (marks == 1)).all()
    assert (marks[:4].sum(0) == 1).all()
    assert (marks[4:].sum(0) == 1).all()
    assert (marks.sum(1) > 0).all()  # every step may be marked
    for b in range(500):
        first, second = np.flatnonzero(marks[:, b])
        assert y[b, 0] == values[first, b] + values[second, b]


def test_the_variance_of_the_adding_target_is_one_sixth():
    y = adding(50, 40_000, rng=1).y
    assert abs(y.mean() - 1.0) < 0.01
    assert abs(y.var() - 1 / 6) < 0.004  # 0.1767 would be off by 0.0100
    # The sum of two U(0, 1) has a triangular density: E (y - 1)^4 = 1/15.
    assert abs(np.mean((y - 1) ** 4) - 1 / 15) < 0.003


def test_distractor_recall():
    x, targets = distractor_recall(6, 4000, K=4, rng=0)
    assert x.shape == (7, 4000, 6)
    assert (x[0, :, :4].argmax(1) == targets).all()
    assert (x[:6, :, :4].sum(2) == 1).all()  # a symbol at every step but the last
    assert x[0, :, 4].all()
    assert not x[1:, :, 4].any()
    assert x[6].sum() == x[6, :, 5].sum() == 4000
    assert not x[:6, :, 5].any()
    assert np.abs(np.bincount(targets) / 4000 - 0.25).max() < 0.03
    for t in range(1, 6):  # a distractor tells nothing
        assert abs(np.mean(x[t, :, :4].argmax(1) == targets) - 0.25) < 0.03


def test_distractors_of_their_own():
    same, other = (distractor_recall(6, 50, K=4, own_symbols=own, rng=0) for own in (False, True))
    assert other.x.shape == (7, 50, 10)
    assert np.array_equal(other.targets, same.targets)
    assert np.array_equal(other.x[0, :, :6], same.x[0])
    assert not other.x[0, :, 6:].any()
    assert not other.x[1:, :, :4].any()
    assert np.array_equal(other.x[1:, :, 6:], same.x[1:, :, :4])
    assert np.array_equal(other.x[..., 4:6], same.x[..., 4:6])


def test_blank_recall():
    x, targets = blank_recall(5, 4000, K=8, rng=0)
    assert x.shape == (5, 4000, 8)
    assert (x[0].argmax(1) == targets).all()
    assert x.sum() == 4000
    assert not x[1:].any()
    assert np.abs(np.bincount(targets) / 4000 - 0.125).max() < 0.025


@pytest.mark.parametrize("T", [10, 50, 103])
def test_temporal_order(T):
    x, targets = temporal_order(T, 2000, rng=T)
    symbols = x.argmax(2)
    assert (x.sum(2) == 1).all()
    places = set()
    for b in range(2000):
        text = ORDER_SYMBOLS.decode(symbols[:, b])
        assert re.fullmatch("E[abcd]*[XY][abcd]*[XY][abcd]*B", text)
        first, second = (i for i, s in enumerate(text) if s in "XY")
        assert T // 10 <= first <= 2 * T // 10
        assert 5 * T // 10 <= second <= 6 * T // 10
        places |= {first, second}
        assert ORDER_CLASSES[targets[b]] == text[first] + text[second]
    assert {T // 10, 2 * T // 10, 5 * T // 10, 6 * T // 10} <= places
    assert np.abs(np.bincount(targets) / 2000 - 0.25).max() < 0.04


def test_copy():
    S, delay, K = 3, 4, 5
    x, targets, recall = copy(S, delay, 200, K=K, rng=0)
    symbols = x.argmax(2)
    assert x.shape == (10, 200, 7)
    assert (x.sum(2) == 1).all()
    assert (symbols[:S] < K).all()
    assert (symbols[S : S + delay - 1] == K).all()
    assert (symbols[S + delay - 1] == K + 1).all()
    assert (symbols[S + delay :] == K).all()
    assert (targets[:-S] == K).all()
    assert np.array_equal(targets[-S:], symbols[:S])
    assert np.flatnonzero(recall).tolist() == [7, 8, 9]
    # Cross-entropy of the memoryless answer, term by term.
    p = np.zeros(targets.shape)
    p[~recall], p[recall] = 1.0, 1 / K
    assert abs(-np.log(p).mean() - copy_baseline(S, delay, K)) < 1e-12


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: adding(1, 2, rng=0), "T: expected a whole number of at least 2, got 1"),
        (lambda: temporal_order(9, 2, rng=0), "at least 10"),
        (lambda: distractor_recall(0, 2, rng=0), "lag: expected a positive whole number"),
        (lambda: blank_recall(3, 2, K=1, rng=0), "K: expected a whole number of at least 2"),
        (lambda: copy(2, 0, 3, rng=0), "delay"),
        (lambda: adding(4, 2, rng=0, dtype="int8"), "dtype"),
    ],
)
def test_tasks_refuse(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_the_same_seed_gives_the_same_data_and_a_generator_goes_on():
    for make in (
        lambda rng: adding(6, 3, rng=rng, dtype="float32"),
        lambda rng: distractor_recall(5, 3, rng=rng, dtype="float32"),
        lambda rng: temporal_order(20, 3, rng=rng, dtype="float32"),
    ):
        assert np.array_equal(make(4).x, make(4).x)
        rng = np.random.default_rng(4)
        one, two = make(rng), make(rng)
        assert np.array_equal(one.x, make(4).x)
        assert not np.array_equal(one.x, two.x)
        assert one.x.dtype == np.float32


# ---------------------------------------------------------------- languages


@pytest.mark.parametrize("letters", ["ab", "abc"])
def test_counting_legal_sets_against_all_strings_of_the_language(letters):
    """A symbol is legal exactly if some string of the language begins with what it would make."""
    language = [counting_string(n, letters) for n in range(1, 9)]
    for n in range(1, 7):
        string = counting_string(n, letters)
        assert len(string) == 2 + len(letters) * n
        for t, legal in enumerate(counting_legal_sets(n, letters), start=1):
            assert legal == {s[t] for s in language if len(s) > t and s.startswith(string[:t])}


def test_counting_batch():
    batch = counting_batch([2, 1], "ab")
    v = counting_vocabulary("ab")
    assert v.decode(batch.x[:, 0].argmax(1)) == "Saabb"
    assert v.decode(batch.targets[:, 0]) == "aabbT"
    assert v.decode(batch.targets[:3, 1]) == "abT"
    assert batch.lengths.tolist() == [5, 3]
    assert batch.legal[:, 0].astype(int).tolist() == [
        [0, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1],
    ]  # fmt: skip
    for letters, message in (("a", "two or more"), ("aa", "more than once"), ("aS", "more than once")):
        with pytest.raises(ValueError, match=message):
            counting_batch([1], letters)


@pytest.mark.equation("eq-stationary-contexts", "eq-entropy-rate")
@pytest.mark.parametrize(("V", "order"), [(2, 1), (3, 2), (8, 2)])
def test_the_entropy_rate_by_an_independent_computation(V, order):
    source = MarkovSource.random(V, order, rng=V)
    n = V**order
    # The chain written out context by context, its left eigenvector, and a sum by hand.
    P = np.zeros((n, n))
    contexts = list(np.ndindex(*(V,) * order))
    for i, c in enumerate(contexts):
        for v in range(V):
            P[i, contexts.index((*c[1:], v))] += source.transition[(*c, v)]
    values, vectors = np.linalg.eig(P.T)
    one = np.argmin(np.abs(values - 1))
    assert abs(values[one] - 1) < 1e-10
    pi = np.real(vectors[:, one] / vectors[:, one].sum())
    assert np.abs(pi - source.stationary().ravel()).max() < 1e-12
    rate = -sum(pi[i] * p * math.log(p, 2) for i, c in enumerate(contexts) for p in source.transition[c])
    assert abs(rate - source.entropy_rate) < 1e-12
    # The chain rule: entropy of k+1 symbols less entropy of k symbols.
    blocks = pi[:, None] * source.transition.reshape(n, V)
    assert abs(-np.sum(blocks * np.log2(blocks)) + np.sum(pi * np.log2(pi)) - rate) < 1e-12


def test_the_entropy_rate_is_what_a_long_sample_costs():
    source = MarkovSource.random(8, 2, rng=0)
    assert abs(source.entropy_rate - 1.848322) < 1e-6
    sample = source.sample(400, 250, rng=1)
    assert sample.shape == (400, 250)
    assert abs(source.bits(sample) - source.entropy_rate) < 0.02
    # Every other predictor costs more, by the divergence: here the uniform one and another source.
    other = MarkovSource.random(8, 2, rng=1)
    assert other.bits(sample) > source.entropy_rate + 0.5
    flat = MarkovSource(np.full((8, 8, 8), 1 / 8))
    assert abs(flat.bits(sample) - 3) < 1e-12
    assert abs(flat.entropy_rate - 3) < 1e-12
    # It begins stationary: the first symbol is distributed as every later one.
    marginal = source.stationary().sum(0)
    first = np.bincount(source.sample(1, 20_000, rng=2)[0], minlength=8) / 20_000
    assert np.abs(first - marginal).max() < 0.015


def test_a_sampled_table_is_the_source():
    source = MarkovSource([[[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.3, 0.7]]])
    s = source.sample(2000, 100, rng=0)
    counts = np.zeros((2, 2, 2))
    np.add.at(counts, (s[:-2], s[1:-1], s[2:]), 1)
    assert np.abs(counts / counts.sum(-1, keepdims=True) - source.transition).max() < 0.01


def test_markov_source_refuses():
    for table, message in (
        ([[0.5, 0.6], [0.5, 0.5]], "sum to 1"),
        ([[1.0, 0.0], [0.5, 0.5]], "positive"),
        ([0.5, 0.5], "two axes"),
        ([[0.5, 0.5]], "expected shape"),
    ):
        with pytest.raises(ValueError, match=message):
            MarkovSource(table)
    with pytest.raises(ValueError, match="concentration"):
        MarkovSource.random(2, 1, rng=0, concentration=0)
    with pytest.raises(ValueError, match="T > 1"):
        MarkovSource.random(2, 1, rng=0).bits([[0]])


# ---------------------------------------------------------------- dates

STRPTIME = {
    "day month year": "%d %B %Y",
    "day mon year": "%d %b %Y",
    "day-mon-year": "%d-%b-%Y",
    "ordinal day": "%d %B %Y",
    "month day": "%B %d, %Y",
    "mon day": "%b %d, %Y",
    "month ordinal": "%B %d, %Y",
    "weekday": "%a %d %b %Y",
    "slashes": "%d/%m/%Y",
    "dots": "%d.%m.%Y",
    "short year": "%d.%m.%y",
    "year first": "%Y/%m/%d",
    "year in words": "%Y %B %d",
    "compact": "%Y%m%d",
}
DAYS = all_days()


def test_every_form_is_read_back_by_the_standard_library():
    assert len(DATE_FORMS) >= 10
    assert set(DATE_FORMS) == set(STRPTIME)
    longest = 0
    for form, pattern in STRPTIME.items():
        for day in [
            *DAYS[::11],
            date(2020, 9, 30),
            date(1999, 12, 31),
            date(2029, 12, 31),
            date(2024, 2, 29),
        ]:
            text, fields = write_date(day, form)
            plain = re.sub(r"(\d)(st|nd|rd|th)\b", r"\1", text)
            assert datetime.strptime(plain, pattern).date() == day
            longest = max(longest, len(text))
            assert "".join(c for c, f in zip(text, fields, strict=True) if f == FIELDS["year"]) in (
                f"{day.year}",
                f"{day.year % 100:02d}",
            )
            assert text == DATE_SYMBOLS.decode(DATE_SYMBOLS.encode(text))
    assert longest == 20


def test_no_text_means_two_days():
    """Only where all is digits can a day be taken for a month: names of months are told apart at sight."""
    meaning = {}
    digits = [form for form, template in DATE_FORMS.items() if "{Mon" not in template]
    assert len(digits) >= 5
    assert len({month[:3] for month in MONTHS}) == 12
    for day in DAYS:
        for form in digits:
            assert meaning.setdefault(write_date(day, form)[0], day) == day


def test_each_character_has_its_field():
    text, fields = write_date(date(2021, 3, 5), "weekday")
    assert text == "Fri 5 Mar 2021"
    assert fields == [0, 0, 0, 0, 3, 0, 2, 2, 2, 0, 1, 1, 1, 1]
    assert FIELDS == {"other": 0, "year": 1, "month": 2, "day": 3}


def test_ordinals():
    days = [date(2021, 1, 1) + timedelta(days=i) for i in range(31)]
    texts = [write_date(day, "ordinal day")[0].split()[0] for day in days]
    assert [t for t in texts if not t.endswith("th")] == ["1st", "2nd", "3rd", "21st", "22nd", "23rd", "31st"]


@pytest.mark.parametrize("side", ["left", "right"])
def test_date_batch(side):
    batch = date_batch(DAYS, 300, rng=0, side=side)
    assert batch.x.shape == batch.fields.shape == (20, 300)
    assert batch.y.shape == batch.y_in.shape == (10, 300)
    for b in range(300):
        n = batch.lengths[b]
        here, empty = (slice(20 - n, 20), slice(0, 20 - n)) if side == "left" else (slice(0, n), slice(n, 20))
        assert DATE_SYMBOLS.decode(batch.x[here, b]) == batch.written[b]
        assert not batch.x[empty, b].any()
        assert not batch.fields[empty, b].any()
        assert ISO_SYMBOLS.decode(batch.y[:, b]) == batch.iso[b]
        assert ISO_SYMBOLS.decode(batch.y_in[:, b]) == "^" + batch.iso[b][:-1]
        year = batch.fields[:, b] == FIELDS["year"]
        assert batch.iso[b][:4].endswith(DATE_SYMBOLS.decode(batch.x[year, b]))
    assert len(set(batch.iso)) > 250
    again = date_batch(DAYS, 300, rng=0, side=side)
    assert again.written == batch.written


def test_split_days_and_refusals():
    train, test = split_days(DAYS, 0.2, rng=0)
    assert len(test) == round(0.2 * len(DAYS))
    assert not set(train) & set(test)
    assert set(train) | set(test) == set(DAYS)
    assert sorted(test) == test
    assert test != DAYS[-len(test) :]
    assert [len(part) for part in split_days(DAYS[:4], 0.25, rng=0)] == [3, 1]
    assert set(date_batch(test, 50, rng=0, forms=["dots"]).iso) <= {d.isoformat() for d in test}
    for call, message in (
        (lambda: write_date(DAYS[0], "roman"), "form: expected one of day month year"),
        (lambda: split_days(DAYS, 1.0, rng=0), "held_out"),
        (lambda: all_days(date(1900, 1, 1), date(2029, 1, 1)), "up to 100 years"),
        (lambda: date_batch([], 3, rng=0), "0 days"),
        (lambda: date_batch(DAYS, 3, rng=0, side="middle"), "'middle'"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
