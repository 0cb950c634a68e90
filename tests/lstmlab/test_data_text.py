"""Text: the loader's errors, vocabularies, ways of making batches, n-gram baselines; data sets in batches."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from cases import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmlab.data import (
    NGram,
    char_vocabulary,
    minibatches,
    pad,
    pydoc_text,
    random_windows,
    read_text,
    split_text,
    split_words,
    stateful_batches,
    word_vocabulary,
)
from lstmlab.data.interpolated import WittenBell

some = settings(max_examples=examples(12), deadline=None)


@pytest.fixture(scope="module")
def reference():
    return pydoc_text()


# ---------------------------------------------------------------- the text that comes with Python


def test_pydoc_text_is_clean(reference):
    assert 300_000 < len(reference) < 900_000
    assert reference.isascii()
    assert reference == reference.lower()
    assert "  " not in reference
    assert "\n\n" not in reference
    assert 60 <= len(set(reference)) <= 75
    assert "the" in reference


def test_ngram_baselines_of_real_text(reference):
    """Loose bounds: every version of Python has another text."""
    v = char_vocabulary(reference)
    n = len(reference) * 9 // 10
    train, held_out = split_text(v.encode(reference), n, 20_000)
    bits = [NGram(train, k, len(v), 0.1).bits(held_out) for k in (1, 2, 3, 4)]
    assert bits[0] < math.log2(len(v))
    assert all(a - b > 0.2 for a, b in itertools.pairwise(bits))
    assert 4.4 < bits[0] < 5.4
    assert 3.0 < bits[1] < 3.8
    assert 2.2 < bits[2] < 3.1
    assert 1.7 < bits[3] < 2.8


def test_the_published_baselines_where_the_text_is_the_same(reference):
    if len(reference) != 436_683:
        pytest.skip("another version of Python has another text")
    v = char_vocabulary(reference)
    assert len(v) == 68
    train, held_out = split_text(v.encode(reference), 400_000, 20_000)
    bits = [NGram(train, k, 68, 0.1).bits(held_out) for k in (1, 2, 3, 4)]
    assert np.abs(np.array(bits) - [4.965, 3.394, 2.680, 2.285]).max() < 6e-4


# ---------------------------------------------------------------- n-grams


def bits_by_dictionary(train, held_out, n, V, k):
    """The same baseline with dictionaries of tuples."""
    grams = Counter(tuple(train[i : i + n]) for i in range(len(train) - n + 1))
    contexts = Counter()
    for gram, count in grams.items():
        contexts[gram[:-1]] += count
    cost = [
        -math.log2((grams[g] + k) / (contexts[g[:-1]] + k * V))
        for g in (tuple(held_out[i : i + n]) for i in range(len(held_out) - n + 1))
    ]
    return sum(cost) / len(cost)


@pytest.mark.equation("eq-additive-counts")
@some
@given(st.integers(1, 4), st.integers(2, 6), st.integers(0, 2**31), st.sampled_from([0.01, 0.1, 1.0]))
def test_ngram_bits_against_dictionaries(n, V, seed, k):
    rng = np.random.default_rng(seed)
    train, held_out = rng.integers(0, V, size=80).tolist(), rng.integers(0, V, size=40).tolist()
    model = NGram(train, n, V, k)
    assert abs(model.bits(held_out) - bits_by_dictionary(train, held_out, n, V, k)) < 1e-12
    p = model.distribution(rng.integers(0, V, size=n - 1))
    assert p.shape == (V,)
    assert abs(p.sum() - 1) < 1e-12


def test_ngram_by_hand():
    model = NGram([0, 1, 0, 1, 0], 2, 3, k=1.0)  # 01 twice, 10 twice
    assert np.allclose(model.distribution([0]), [1 / 5, 3 / 5, 1 / 5])
    assert np.allclose(model.distribution([2]), 1 / 3)
    assert abs(model.bits([0, 1, 0]) + math.log2(3 / 5)) < 1e-12


def test_ngram_refuses():
    for call, message in (
        (lambda: NGram([0, 1], 1, 2, k=0), "k: expected a positive number"),
        (lambda: NGram([0, 5], 1, 2), "train: expected numbers from 0 to 1, got 0 to 5"),
        (lambda: NGram([0], 2, 2), "at least 2 symbols, got 1"),
        (lambda: NGram([0, 1], 2, 2).distribution([0, 0]), "expected 1 symbols, got 2"),
        (lambda: NGram([0, 1], 40, 9), "below 2"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="whole numbers of shape"):
        NGram([0.5, 1.0], 1, 2)


# ---------------------------------------------------------------- n-grams that lean on shorter ones


def leaning(train, context, v, V):
    """The same by recursion: the probability of v after a context, as a fraction of counts."""
    if context is None:
        return 1.0 / V
    m = len(context)
    after = [train[i + m] for i in range(len(train) - m) if tuple(train[i : i + m]) == context]
    shorter = leaning(train, context[1:] if m else None, v, V)
    if not after:
        return shorter
    return (after.count(v) + len(set(after)) * shorter) / (len(after) + len(set(after)))


@pytest.mark.equation("eq-witten-bell")
@some
@given(st.integers(1, 4), st.integers(2, 5), st.integers(0, 2**31))
def test_witten_bell_against_a_recursion(n, V, seed):
    rng = np.random.default_rng(seed)
    train, held_out = rng.integers(0, V, size=60).tolist(), rng.integers(0, V, size=20).tolist()
    model = WittenBell(train, n, V)
    wanted = [
        leaning(train, tuple(held_out[i : i + n - 1]), held_out[i + n - 1], V)
        for i in range(len(held_out) - n + 1)
    ]
    assert np.abs(model.probability(held_out) - wanted).max() < 1e-12
    assert abs(model.bits(held_out) + np.mean(np.log2(wanted))) < 1e-12
    p = model.distribution(held_out[: n - 1])
    assert p.shape == (V,)
    assert p.min() > 0.0
    assert abs(p.sum() - 1) < 1e-12


def test_witten_bell_by_hand():
    model = WittenBell([0, 1, 0, 1, 1], 2, 2)  # 0 is followed twice, both times by 1
    p_1 = (3 + 2 * 0.5) / (5 + 2)
    assert np.allclose(model.distribution([0]), [1 - (2 + p_1) / 3, (2 + p_1) / 3], atol=1e-15)
    assert np.allclose(WittenBell([0, 1, 0], 3, 3).distribution([2, 2]), [8 / 15, 5 / 15, 2 / 15])


def test_witten_bell_refuses():
    with pytest.raises(ValueError, match="n: expected a whole number from 1, got 0"):
        WittenBell([0, 1], 0, 2)
    with pytest.raises(ValueError, match="context: expected 1 symbols, got 2"):
        WittenBell([0, 1], 2, 2).distribution([0, 0])
    with pytest.raises(ValueError, match="ids: expected at least 2 symbols, got 1"):
        WittenBell([0, 1], 2, 2).bits([0])


# ---------------------------------------------------------------- the reader's own text


def test_read_text(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes("\ufeffÄpfel\r\nund\rBirnen\n".encode())
    assert read_text(file) == "Äpfel\nund\nBirnen\n"
    file.write_bytes("Äpfel".encode("latin-1"))
    assert read_text(str(file), encoding="latin-1") == "Äpfel"


def test_read_text_says_what_is_wrong(tmp_path):
    file = tmp_path / "a.txt"
    with pytest.raises(FileNotFoundError, match=r"a\.txt', which does not exist"):
        read_text(file)
    with pytest.raises(ValueError, match="which is not a file"):
        read_text(tmp_path)
    file.write_bytes(b"")
    with pytest.raises(ValueError, match="which is empty"):
        read_text(file)
    file.write_bytes(b"\xef\xbb\xbf0123456" + b"\xff" + b"rest")
    with pytest.raises(ValueError, match=r"not utf-8: byte 0xff at byte offset 10 .* tried encoding 'utf-8'"):
        read_text(file)
    file.write_bytes(b"short")
    with pytest.raises(ValueError, match="at least 6 characters, got 5"):
        read_text(file, min_length=6)
    with pytest.raises(ValueError, match="encoding: expected the name of an encoding, got 'utf-9'"):
        read_text(file, encoding="utf-9")


# ---------------------------------------------------------------- vocabularies


def test_character_vocabulary():
    v = char_vocabulary("hello")
    assert v.symbols == ("e", "h", "l", "o")
    assert v.decode(v.encode("hole")) == "hole"
    with pytest.raises(ValueError, match="'p' at position 3"):
        v.encode("help")
    v = char_vocabulary("hello", unknown="?")
    assert v.decode(v.encode("help")) == "hel?"


def test_word_vocabulary():
    words = split_words("the cat and the dog and the owl <unk>")
    v = word_vocabulary(words, max_size=6)
    assert v.symbols == ("<unk>", "<bos>", "<eos>", "the", "and", "<")
    v = word_vocabulary(["b", "a", "b", "c", "<bos>"], min_count=1)
    assert v.symbols == ("<unk>", "<bos>", "<eos>", "b", "a", "c")
    assert v.encode(["<bos>", "c", "zebra", "<eos>"]).tolist() == [1, 5, 0, 2]
    assert v.decode([1, 3, 2]) == "<bos> b <eos>"
    assert len(word_vocabulary(["b", "a", "b"], min_count=2)) == 4


# ---------------------------------------------------------------- batches


@some
@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 40))
def test_each_column_of_stateful_batches_continues(T, B, extra):
    ids = np.arange(T * B + 1 + extra) * 7 + 3
    batches = list(stateful_batches(ids, T, B))
    row = (len(ids) - 1) // B
    assert len(batches) == row // T
    joined = np.concatenate([batch.x for batch in batches])
    for b in range(B):
        assert np.array_equal(joined[:, b], ids[b * row : b * row + len(joined)])
    for batch in batches:
        assert np.array_equal(batch.y, batch.x + 7)
    for one, two in itertools.pairwise(batches):
        assert np.array_equal(two.x[0], one.y[-1])


@some
@given(st.integers(1, 6), st.integers(0, 2**31))
def test_random_windows(T, seed):
    ids = np.arange(T + 3) * 2 + 1
    x, y = random_windows(ids, T, 60, rng=seed)
    assert x.shape == (T, 60)
    assert np.array_equal(y, x + 2)
    assert np.array_equal(x[1:], x[:-1] + 2)
    assert set(x[0].tolist()) == {1, 3, 5}  # every beginning that fits, and no other
    assert y.max() == ids[-1]


def test_text_batches_refuse():
    with pytest.raises(ValueError, match="expected at least 7 symbols, got 6"):
        stateful_batches(range(6), 3, 2)
    assert len(list(stateful_batches(range(7), 3, 2))) == 1
    with pytest.raises(ValueError, match="expected at least 4 symbols, got 3"):
        random_windows(range(3), 3, 2, rng=0)
    with pytest.raises(ValueError, match="parts of a text of 5"):
        split_text(range(5), 3, 3)
    with pytest.raises(ValueError, match="parts of a text of 5"):
        split_text(range(5), 5)


def test_split_text():
    train, validation = split_text(range(10), 6, 3)
    assert train.tolist() == [0, 1, 2, 3, 4, 5]
    assert validation.tolist() == [6, 7, 8]
    assert split_text(range(10), 6).validation.tolist() == [6, 7, 8, 9]


@some
@given(st.integers(1, 9), st.integers(1, 9), st.booleans(), st.booleans(), st.integers(0, 2**31))
def test_minibatches_show_every_sequence_once_and_keep_pairs(n, size, shuffle, drop_last, seed):
    if drop_last and size > n:
        return
    y = np.arange(n)
    x = np.stack([y * 10, y * 10 + 1])  # (T=2, N)
    batches = list(
        minibatches(x, y, batch_size=size, rng=seed, shuffle=shuffle, drop_last=drop_last, axes=(1, 0))
    )
    seen = np.concatenate([b for _, b in batches])
    assert len(seen) == (n - n % size if drop_last else n)
    assert len(set(seen.tolist())) == len(seen)
    assert all(len(b) == size for _, b in batches[:-1])
    assert all(np.array_equal(a, np.stack([b * 10, b * 10 + 1])) for a, b in batches)
    if not shuffle:
        assert seen.tolist() == list(range(len(seen)))


def test_minibatches_are_seeded_and_refuse():
    x = np.arange(40)[None]
    order = [tuple(b[0].tolist()) for (b,) in minibatches(x, batch_size=7, rng=3)]
    assert order == [tuple(b[0].tolist()) for (b,) in minibatches(x, batch_size=7, rng=3)]
    rng = np.random.default_rng(3)
    epochs = [[tuple(b[0].tolist()) for (b,) in minibatches(x, batch_size=7, rng=rng)] for _ in range(2)]
    assert epochs[0] == order
    assert epochs[0] != epochs[1]
    assert sorted(sum(order, ())) == list(range(40))
    with pytest.raises(TypeError, match="rng: expected a seed"):
        minibatches(x, batch_size=7)
    for call, message in (
        (lambda: minibatches(x, np.arange(3), batch_size=2, rng=0, axes=(1, 0)), r"got \[40, 3\]"),
        (lambda: minibatches(x, batch_size=41, rng=0, drop_last=True), "at most 40 with drop_last"),
        (lambda: minibatches(np.arange(3), batch_size=1, rng=0), r"arrays\[0\]: expected an axis 1"),
        (lambda: minibatches(batch_size=1, rng=0), "axes"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_pad():
    a, b = np.arange(6.0).reshape(3, 2), np.array([[7.0, 8.0]])
    padded, lengths = pad([a, b], value=-1)
    assert lengths.tolist() == [3, 1]
    assert padded[:, 0].tolist() == a.tolist()
    assert padded[:, 1].tolist() == [[7, 8], [-1, -1], [-1, -1]]
    with pytest.raises(ValueError, match=r"sequences\[1\]: expected shape"):
        pad([a, np.zeros((2, 3))])
    with pytest.raises(ValueError, match="at least one"):
        pad([])
