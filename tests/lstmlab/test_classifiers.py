"""Classes of sequences, of their steps, and of trees: gradients, PyTorch, lengths, learning."""

import itertools

import numpy as np
import pytest
from cases import CELLS, examples
from hypothesis import given, settings
from hypothesis import strategies as st
from models_sequences import check_gradients, compare
from oracle import FROZEN, frozen, live

import lstmlab as ll
from lstmlab import xp
from lstmlab.cells.tree import TreeLSTM
from lstmlab.data.languages import counting_batch
from lstmlab.data.reber import REBER, reber_batch
from lstmlab.data.symbols import all_legal, exact_sets
from lstmlab.data.trees import list_operations, list_vocabulary
from lstmlab.models import (
    LabelledBatch,
    SequenceClassifier,
    SequenceTagger,
    TaggedBatch,
    TreeBatch,
    TreeClassifier,
    tree_batch,
)
from lstmlab.optim import Adam
from lstmlab.training import fit
from lstmlab.trees import Trees

QUICK = settings(max_examples=examples(12), deadline=None)
V, K, T, B = 5, 3, 4, 3
CASES = [case for case in frozen("models_sequences") if not case.startswith("language")]
BOTH = {"classifier": SequenceClassifier, "tagger": SequenceTagger}


def host(a):
    return np.asarray(ll.to_numpy(a))


def deep_both(n_x, n_h, *, rng=0, dtype="float64"):
    rng = np.random.default_rng(rng)
    cells = [ll.LSTM(n, n_h, rng=rng, dtype=dtype) for n in (n_x, n_x, 2 * n_h, 2 * n_h)]
    return ll.stack([ll.bidirectional(*cells[:2]), ll.bidirectional(*cells[2:])])


def both_of_stacks(n_x, n_h, *, rng=0, dtype="float64"):
    make = CELLS["stack"]
    return ll.bidirectional(make(n_x, n_h, rng=rng, dtype=dtype), make(n_x, n_h, rng=7, dtype=dtype))


KINDS = CELLS | {"deep both": deep_both, "both of stacks": both_of_stacks}


def loud(model, seed=0):
    """Give a model parameters none of which is small."""
    rng = np.random.default_rng(seed)
    for name in model.params:
        values = rng.normal(size=tuple(model.params[name].shape))
        model.params[name] = xp.asarray(values.astype(str(model.like.dtype).rpartition(".")[2]))
    return model


def sequences(rng, vectors=False, n_x=2, dtype="float64"):
    lengths = rng.integers(1, T + 1, size=B)
    x = rng.normal(size=(T, B, n_x)).astype(dtype) if vectors else rng.integers(0, V, size=(T, B))
    return x, rng.integers(0, K, size=B), rng.integers(0, K, size=(T, B)), lengths


def batch_for(name, rng, **options):
    x, labels, targets, lengths = sequences(rng, **options)
    return LabelledBatch(x, labels, lengths) if name == "classifier" else TaggedBatch(x, targets, lengths)


# --- first witness ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "read"),
    [*((kind, "last") for kind in KINDS), *itertools.product(["stack", "bidirectional"], ["mean", "each"])],
)
def test_gradients_agree_with_finite_differences(kind, read):
    cell, rng = KINDS[kind](2, 2, rng=1), np.random.default_rng(0)
    x, labels, targets, _ = sequences(rng)
    if read == "each":
        model, batch = SequenceTagger(cell, K, n_tokens=V), TaggedBatch(x, targets, [4, 1, 3])
    else:
        model = SequenceClassifier(cell, K, n_tokens=V, read=read)
        batch = LabelledBatch(x, labels, [4, 1, 3])
    check_gradients(ll, model, batch, max_entries=1)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("options", [{"n_tokens": V}, {"n_tokens": V, "one_hot": True}, {}])
def test_every_parameter_agrees_with_finite_differences(name, options):
    n_x = V if "one_hot" in options else 2
    model = BOTH[name](ll.LSTM(n_x, 2), K, **options)
    batch = batch_for(name, np.random.default_rng(0), vectors="n_tokens" not in options)
    check_gradients(ll, model, batch, max_entries=4)


@pytest.mark.parametrize("options", [{"n_tokens": 4}, {"n_tokens": 4, "one_hot": True}, {}])
def test_tree_gradients_agree_with_finite_differences(options):
    n_x, rng = 4 if "one_hot" in options else 2, np.random.default_rng(0)
    trees = Trees([[-1, 0, 0, 1], [1, -1], [-1]])
    x = rng.integers(0, 4, size=7) if options else rng.normal(size=(7, n_x))
    model = TreeClassifier(TreeLSTM(n_x, 2), K, **options)
    check_gradients(ll, model, TreeBatch(trees, x, np.array([2, 0, 1])), max_entries=4)


# --- second witness --------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradients_equal_pytorch(case):
    compare(ll, case, frozen("models_sequences")[case])


@pytest.mark.parametrize("case", CASES)
def test_live(case, monkeypatch):
    torch = pytest.importorskip("torch", reason="the live comparison needs torch; the frozen one has run")
    monkeypatch.syspath_prepend(FROZEN)
    torch.manual_seed(7)
    compare(ll, case, live("models_sequences").record(case))


def test_the_frozen_file_is_small():
    assert (FROZEN / "models_sequences.npz").stat().st_size < 30_000


# --- lengths and order -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["LSTM", "bidirectional", "deep both"])
@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("read", ["last", "mean"])
@pytest.mark.parametrize("vectors", [False, True])
def test_a_padded_batch_is_its_sequences_one_by_one(kind, name, read, vectors):
    options = {"read": read} if name == "classifier" else {}
    model = loud(BOTH[name](KINDS[kind](2, 2), K, n_tokens=None if vectors else V, **options))
    x, labels, targets, lengths = sequences(np.random.default_rng(1), vectors)
    at_once = host(model.logits(x, lengths))
    losses, nonsense = [], x.copy()
    for b, n in enumerate(lengths):
        alone = host(model.logits(x[:n, b : b + 1]))
        got = at_once[b] if name == "classifier" else at_once[:n, b]
        np.testing.assert_allclose(got, alone[0] if name == "classifier" else alone[:, 0], atol=1e-13)
        y = labels[b : b + 1] if name == "classifier" else targets[:n, b : b + 1]
        losses.append(model.loss((x[:n, b : b + 1], y)))
        nonsense[n:, b] = 9.0 if vectors else -3
    y, weights = (labels, np.ones(B)) if name == "classifier" else (targets, lengths)
    assert model.loss((x, y, lengths)) == pytest.approx(np.average(losses, weights=weights), abs=1e-13)
    np.testing.assert_array_equal(host(model.logits(nonsense, lengths)), at_once)


@QUICK
@given(
    seed=st.integers(0, 1000), name=st.sampled_from([*BOTH]), kind=st.sampled_from(["RNN", "bidirectional"])
)
def test_the_order_within_a_batch_does_not_matter(seed, name, kind):
    rng = np.random.default_rng(seed)
    model, batch = loud(BOTH[name](KINDS[kind](2, 2), K, n_tokens=V), seed), batch_for(name, rng)
    order = rng.permutation(B)
    moved = type(batch)(*(np.take(a, order, axis=a.ndim - 1) for a in batch))
    (loss, grads), (loss2, grads2) = model.loss_and_gradient(batch), model.loss_and_gradient(moved)
    assert loss == pytest.approx(loss2, abs=1e-13)
    for g, g2 in zip(grads.vectors, grads2.vectors, strict=True):
        np.testing.assert_allclose(host(g), host(g2), atol=1e-13)


def test_the_mean_by_hand():
    cell = ll.LSTM(2, 2)
    model = loud(SequenceClassifier(cell, K, read="mean"))
    x = np.random.default_rng(0).normal(size=(3, 2, 2))
    h = host(ll.unroll(cell, xp.asarray(x)).h)
    r = np.stack([h[:3, 0].mean(0), h[:1, 1].mean(0)])
    wanted = r @ host(model.params["out.W"]).T + host(model.params["out.b"])
    np.testing.assert_allclose(host(model.logits(x, [3, 1])), wanted, atol=1e-14)


def test_two_directions_are_read_at_their_own_ends():
    cell = deep_both(2, 2)
    model = loud(SequenceClassifier(cell, K))
    x = np.random.default_rng(0).normal(size=(4, 1, 2))
    h = host(ll.unroll(cell, xp.asarray(x)).h)
    r = np.concatenate([h[-1, :, :2], h[0, :, 2:]], axis=1)
    wanted = r @ host(model.params["out.W"]).T + host(model.params["out.b"])
    np.testing.assert_allclose(host(model.logits(x)), wanted, atol=1e-14)


@pytest.mark.parametrize("name", BOTH)
def test_predictions_and_accuracy_by_hand(name):
    model, batch = loud(BOTH[name](ll.LSTM(2, 2), K, n_tokens=V)), batch_for(name, np.random.default_rng(2))
    p = host(model.probabilities(batch.x, batch.lengths))
    np.testing.assert_allclose(p.sum(-1), 1.0, atol=1e-13)
    best = p.argmax(-1)
    np.testing.assert_array_equal(host(model.predict(batch.x, batch.lengths)), best)
    if name == "classifier":
        right = (best == batch.labels).mean()
    else:
        counts = np.arange(T)[:, None] < batch.lengths
        right = (best == batch.targets)[counts].mean()
        assert right != (best == batch.targets).mean()
    assert model.accuracy(batch) == pytest.approx(right)
    assert 0.0 < right < 1.0


@pytest.mark.parametrize("name", [*BOTH, "tree"])
def test_float32_stays_float32(name):
    if name == "tree":
        model = TreeClassifier(TreeLSTM(2, 2, dtype="float32"), K, n_tokens=V)
        batch = TreeBatch(Trees([[-1, 0]]), np.array([1, 2]), np.array([0]))
    else:
        model = BOTH[name](ll.LSTM(2, 2, dtype="float32"), K, n_tokens=V)
        batch = batch_for(name, np.random.default_rng(0))
    loss, grads = model.loss_and_gradient(batch)
    assert all(str(v.dtype).endswith("float32") for v in [*model.params.vectors, *grads.vectors])
    assert isinstance(loss, float)
    assert loss == pytest.approx(model.loss(batch))
    assert str(model.logits(*batch[:2] if name == "tree" else (batch.x,)).dtype).endswith("float32")


def test_noise_is_off_in_evaluation_and_put_back():
    inner = ll.zoneout(ll.LSTM(2, 2), 0.5)
    cell = ll.bidirectional(ll.variational_dropout(ll.LSTM(2, 2), 0.5, 0.5), inner)
    inner.training = False
    model, batch = SequenceClassifier(cell, K, n_tokens=V), batch_for("classifier", np.random.default_rng(0))
    assert model.loss(batch) == model.loss(batch)
    assert np.array_equal(host(model.logits(batch.x)), host(model.logits(batch.x)))
    assert model.accuracy(batch) == model.accuracy(batch)
    assert [part.training for part in cell.parts.values()] == [True, False]
    assert len({model.loss_and_gradient(batch)[0] for _ in range(4)}) > 1


def test_shared_parts_add_their_gradients():
    """The same cell in both directions: one memory, and what each direction learns is added."""
    cell, batch = ll.LSTM(2, 2), batch_for("classifier", np.random.default_rng(0))
    shared = SequenceClassifier(ll.bidirectional(cell, cell), K, n_tokens=V)
    apart = SequenceClassifier(ll.bidirectional(ll.LSTM(2, 2), ll.LSTM(2, 2)), K, n_tokens=V)
    assert shared.n_params == apart.n_params - cell.n_params
    (loss, grads), (loss2, grads2) = shared.loss_and_gradient(batch), apart.loss_and_gradient(batch)
    assert loss == loss2
    wanted = host(grads2["cell.forward.W_f"]) + host(grads2["cell.backward.W_f"])
    np.testing.assert_allclose(host(grads["cell.forward.W_f"]), wanted, atol=1e-15)


# --- trees -----------------------------------------------------------------------------------------


def test_trees_together_are_trees_alone():
    data = list_operations(6, depth=(1, 3), rng=0)
    model = loud(TreeClassifier(TreeLSTM(3, 4), 3, n_tokens=6))
    batch = tree_batch(data.expressions, list_vocabulary(), data.labels)
    together = host(model.logits(batch.trees, batch.x))
    losses = []
    for k, expression in enumerate(data.expressions):
        alone = tree_batch([expression], list_vocabulary(), data.labels[k : k + 1])
        np.testing.assert_allclose(host(model.logits(alone.trees, alone.x))[0], together[k], atol=1e-13)
        losses.append(model.loss(alone))
    assert model.loss(batch) == pytest.approx(np.mean(losses), abs=1e-13)
    best = together.argmax(-1)
    np.testing.assert_array_equal(host(model.predict(batch.trees, batch.x)), best)
    assert model.accuracy(batch) == pytest.approx((best == data.labels).mean())
    np.testing.assert_allclose(host(model.probabilities(batch.trees, batch.x)).sum(-1), 1.0, atol=1e-13)


# --- learning, on NumPy whatever the backend: a model computes where its cell lies -----------------


def test_a_tagger_learns_to_count_further_than_it_was_shown():
    model = SequenceTagger(ll.LSTM(4, 6, rng=2, xp=np), 4)
    seen, further = counting_batch(range(1, 9)), counting_batch([9, 10])
    assert not all_legal(host(model.logits(seen.x, seen.lengths)), seen).any()
    fit(model, [seen], Adam(model.params, lr=0.03), steps=150, clip=1.0, progress=False)
    assert all_legal(host(model.logits(seen.x, seen.lengths)), seen).all()
    assert all_legal(host(model.logits(further.x, further.lengths)), further).all()


def test_a_tagger_learns_the_reber_grammar_and_its_sets():
    model, rng = SequenceTagger(ll.LSTM(7, 10, xp=np), 7), np.random.default_rng(0)
    batches = [reber_batch(REBER, 32, rng=rng) for _ in range(4)]
    fit(model, batches, Adam(model.params, lr=0.03), steps=80, clip=1.0, progress=False)
    new = reber_batch(REBER, 60, rng=99)
    p = host(model.probabilities(new.x, new.lengths))
    assert all_legal(p, new).mean() > 0.95
    assert exact_sets(p, new, 0.1).mean() > 0.8


def test_a_tree_classifier_learns_the_largest_and_the_smallest():
    operators = ("MAX", "MIN")
    train = list_operations(60, depth=(1, 2), operators=operators, rng=0)
    test = list_operations(40, depth=2, operators=operators, exclude=train.expressions, rng=1)
    vocabulary = list_vocabulary(operators=operators)
    seen, new = (tree_batch(d.expressions, vocabulary, d.labels) for d in (train, test))
    model = TreeClassifier(TreeLSTM(6, 12, xp=np), 3, n_tokens=len(vocabulary))
    before = model.accuracy(new)
    fit(model, [seen], Adam(model.params, lr=0.03), steps=120, progress=False)
    assert model.accuracy(seen) == 1.0
    assert model.accuracy(new) > 0.9 > before


# --- arguments -------------------------------------------------------------------------------------


def test_bad_arguments():
    with pytest.raises(ValueError, match="read: expected one of last, mean, got 'first'"):
        SequenceClassifier(ll.LSTM(2, 2), K, read="first")
    with pytest.raises(ValueError, match="n_tokens: expected a positive whole number with one_hot=True"):
        SequenceTagger(ll.LSTM(2, 2), K, one_hot=True)
    with pytest.raises(ValueError, match="n_tokens: expected 2, the cell's n_x"):
        SequenceTagger(ll.LSTM(2, 2), K, n_tokens=V, one_hot=True)
    with pytest.raises(TypeError, match=r"cell: expected a TreeLSTM\(n_x, n_h\), got LSTM"):
        TreeClassifier(ll.LSTM(2, 2), K)
    with pytest.raises(TypeError, match="cell: expected a cell such as LSTM"):
        SequenceTagger(3, K)
    with pytest.raises(
        ValueError, match="vocabulary: expected a number for every node's label, got none for 7"
    ):
        tree_batch([("MAX", 7)], {"MAX": 0}, [0])
    with pytest.raises(ValueError, match=r"labels: expected shape \(1,\), got \(2,\)"):
        tree_batch([("MAX", 7)], {"MAX": 0, 7: 1}, [0, 1])


def test_bad_batches():
    model = SequenceClassifier(ll.LSTM(2, 2), K, n_tokens=V)
    x = np.zeros((3, 2), dtype=int)
    with pytest.raises(TypeError, match=r"batch: expected a LabelledBatch\(x, labels, lengths\)"):
        model.loss(TaggedBatch(x, x))
    with pytest.raises(ValueError, match=r"x: expected symbols of shape \(T, B\), got shape \(3,\)"):
        model.logits(x[:, 0], [3])
    with pytest.raises(ValueError, match=r"targets: expected shape \(2,\), got \(3,\)"):
        model.loss((x, np.zeros(3, dtype=int)))
    with pytest.raises(ValueError, match="lengths: expected 2 whole numbers from 1 to T = 3"):
        model.loss((x, np.zeros(2, dtype=int), [4, 1]))
    with pytest.raises(ValueError, match="tokens: expected whole numbers from 0 to 4, got 0 to 5"):
        model.loss((x + 5 * (x.cumsum(0) == 0) * (np.arange(3) == 1)[:, None], np.zeros(2, dtype=int)))
    with pytest.raises(TypeError, match="x: expected dtype float64, got float32"):
        SequenceTagger(ll.LSTM(2, 2), K).logits(np.zeros((3, 2, 2), dtype="float32"))
