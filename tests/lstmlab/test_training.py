"""The training loop, against arithmetic by hand, against itself in two pieces, and on a real LSTM."""

import itertools
import math

import numpy as np
import pytest
from cases import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from trainable import Bowl, Noisy, Reader, shuffled, vectors

import lstmlab as ll
from lstmlab import plots, xp
from lstmlab.checkpoints import CheckpointError, save_checkpoint
from lstmlab.history import History
from lstmlab.optim import SGD, Adam
from lstmlab.training import TrainingError, fit

HERE = [(0.0, 0.0)]
DATA = np.random.default_rng(1).normal(size=(7, 2))


def train(model, batches, optimizer=None, **options):
    return fit(model, batches, optimizer or SGD(model.params, 0.1), progress=False, **options)


def w(model):
    return ll.to_numpy(model.params["w"]).copy()


def scripted(values):
    """A validation that says these values, one after the other."""
    values = iter(values)
    return lambda model: next(values)


def test_every_number_of_three_steps_by_hand():
    model = Bowl(ll, (3.0, 4.0))
    history = train(model, HERE, SGD(model.params, 0.5), epochs=3, callbacks=[])
    assert history.step == [1, 2, 3]
    assert history.loss == [12.5, 3.125, 0.78125]
    np.testing.assert_allclose(history.grad_norm, [5.0, 2.5, 1.25], rtol=1e-15)
    assert history.lr == [0.5, 0.5, 0.5]
    assert w(model).tolist() == [0.375, 0.5]
    assert (history.stopped, history.restored, history.best_step) == ("all epochs done", False, None)
    assert len(history.seconds) == 3
    assert min(history.seconds) > 0.0


def test_clipping_shortens_the_step_and_the_history_tells_the_norm_before():
    model = Bowl(ll, (3.0, 4.0))
    history = train(model, HERE, SGD(model.params, 1.0), steps=1, clip=2.0)
    assert history.grad_norm == [5.0]
    np.testing.assert_allclose(w(model), [3.0 - 1.2, 4.0 - 1.6], rtol=1e-15)


def test_the_schedule_is_asked_for_each_step_from_the_first():
    model = Bowl(ll, (1.0, 0.0))
    history = train(model, HERE, steps=3, schedule=lambda step: 0.5 / step)
    assert history.lr == [0.5, 0.25, 0.5 / 3]
    assert w(model)[0] == pytest.approx(0.5 * 0.75 * (1 - 0.5 / 3), rel=1e-15)


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_one_seed_one_history(kind):
    def once(rng):
        model = Bowl(ll)
        history = train(
            model, shuffled(DATA, 3), kind(model.params, 0.1), epochs=4, validate=[DATA[0], DATA[1]], rng=rng
        )
        return history, vectors(ll, model.params)

    assert once(3) == once(3) == once(np.random.default_rng(3))
    assert once(3)[0].loss != once(4)[0].loss


def test_each_epoch_has_an_order_of_its_own():
    seen = []

    def epoch(rng):
        seen.append(rng.permutation(20).tolist())
        return HERE

    train(Bowl(ll), epoch, epochs=3)
    assert len({tuple(order) for order in seen}) == 3


@pytest.mark.parametrize(
    ("options", "validations"),
    [
        ({"steps": 8}, [3, 6, 8]),
        ({"epochs": 2}, [3, 6]),
        ({"steps": 6}, [3, 6]),
        ({"steps": 8, "every": 4}, [4, 8]),
        ({"epochs": 3, "every": 4}, [4, 8, 9]),
        ({"steps": 2, "every": 5}, [2]),
    ],
)
def test_when_there_is_a_validation(options, validations):
    model = Bowl(ll)
    history = train(model, HERE * 3, validate=HERE, **options)
    assert history.val_step == validations
    shrunk = [0.5 * 13.0 * 0.81**step for step in validations]
    np.testing.assert_allclose(history.val_loss, shrunk, rtol=1e-13)


def test_validation_is_the_mean_in_evaluation_mode():
    model = Bowl(ll, (0.0, 0.0))
    history = train(model, HERE, steps=1, validate=[(2.0, 0.0), (0.0, 4.0)])
    assert history.val_loss == [(2.0 + 8.0) / 2]
    assert model.asked == ["training", "evaluation", "evaluation"]


@pytest.mark.parametrize(
    ("values", "patience", "steps", "best", "why"),
    [
        ([5.0, 4.0, 3.0, 3.5, 4.0, 0.0], 2, 5, 3, "patience exhausted"),
        ([5.0, 6.0, 0.0], 1, 2, 1, "patience exhausted"),
        ([5.0, 5.0, 5.0, 0.0], 2, 3, 1, "patience exhausted"),  # no worse is not better
        ([5.0, 6.0, 4.0, 6.0, 3.0, 6.0, 2.0], 2, 7, 7, "all steps done"),  # the count begins again
        ([5.0, 6.0, 7.0, 4.0, 6.0, 7.0, 7.0], 4, 7, 4, "all steps done"),
    ],
)
def test_patience(values, patience, steps, best, why):
    model = Bowl(ll, (1.0, -1.0))
    history = train(model, HERE, steps=7, validate=scripted(values), every=1, patience=patience)
    assert (len(history.step), history.best_step, history.stopped) == (steps, best, why)
    assert history.restored
    np.testing.assert_allclose(w(model), [0.9**best, -(0.9**best)], rtol=1e-14)


def test_without_patience_the_last_parameters_stay():
    model = Bowl(ll, (1.0, -1.0))
    history = train(model, HERE, steps=4, validate=scripted([1.0, 2.0, 3.0, 4.0]), every=1)
    assert (history.best_step, history.restored) == (1, False)
    np.testing.assert_allclose(w(model), [0.9**4, -(0.9**4)], rtol=1e-14)


def test_callbacks_see_the_step_and_its_validation():
    seen = []
    model = Bowl(ll)

    def callback(step, it, history):
        assert it is model
        seen.append((step, len(history.step), tuple(history.val_step)))

    train(model, HERE * 2, epochs=2, validate=HERE, callbacks=[callback])
    assert seen == [(1, 1, ()), (2, 2, (2,)), (3, 3, (2,)), (4, 4, (2, 4))]


class Breaks(Bowl):
    """A bowl that goes wrong in its own way when it is asked for the loss of a step."""

    def __init__(self, at, how):
        super().__init__(ll, (1.0, -1.0))
        self.at, self.how, self.count = at, how, 0

    def loss_and_gradient(self, batch):
        self.count += 1
        loss, grads = super().loss_and_gradient(batch)
        if self.count == self.at:
            if self.how == "loss":
                loss = loss * math.nan
            elif self.how == "gradient":
                grads.flat[...] = math.inf
            elif self.how == "update":
                grads.flat[...] = 1e300
            elif self.how == "model":
                raise ValueError("state.h: expected finite values")
            elif self.how == "interrupt":
                raise KeyboardInterrupt
        return loss, grads


@pytest.mark.parametrize("at", [1, 2, 5])
@pytest.mark.parametrize(
    ("how", "message", "back"),
    [
        ("loss", "step {}: the loss is nan", 2),
        ("gradient", "step {}: grads: expected finite gradients", 1),
        ("update", "step {}: the parameters are no longer finite", 1),
        ("model", "step {}: state.h: expected finite values", 2),
    ],
)
def test_what_is_not_finite_is_named_and_undone(at, how, message, back):
    model = Breaks(at, how)
    optimizer = SGD(model.params, 1e20 if how == "update" else 0.1)
    schedule = (lambda step: 1e20 if step == at else 0.1) if how == "update" else None
    if (at, how) == (1, "model"):  # nothing has happened yet: the model's own error is the clearest
        with pytest.raises(ValueError, match=r"^state\.h"):
            train(model, HERE, optimizer, steps=9)
        return
    with pytest.raises(TrainingError, match=message.format(at)) as caught, np.errstate(all="ignore"):
        train(model, HERE, optimizer, steps=9, schedule=schedule)
    history, after = caught.value.history, max(0, at - back)
    assert history.step == list(range(1, at))
    assert history.stopped == "not finite"
    assert f"those after step {after})" in str(caught.value)
    np.testing.assert_allclose(w(model), [0.9**after, -(0.9**after)], rtol=1e-14)


def test_a_validation_that_is_not_a_number_stops_too_and_the_best_is_kept():
    model = Bowl(ll, (1.0, -1.0))
    with pytest.raises(TrainingError, match=r"step 4: the validation is nan.*after step 2\)") as caught:
        train(model, HERE, steps=9, every=1, patience=9, validate=scripted([3.0, 1.0, 2.0, math.nan]))
    assert caught.value.history.val_loss == [3.0, 1.0, 2.0]
    assert caught.value.history.restored
    np.testing.assert_allclose(w(model), [0.81, -0.81], rtol=1e-14)


def test_an_interrupt_keeps_what_was_learnt():
    model = Breaks(4, "interrupt")
    history = train(model, HERE, steps=9)
    assert (history.step, history.stopped) == ([1, 2, 3], "interrupted")
    np.testing.assert_allclose(w(model), [0.9**3, -(0.9**3)], rtol=1e-14)


def test_an_interrupt_in_the_middle_of_an_update_undoes_it():
    class Half(SGD):
        def step(self, grads):
            if self.steps == 2:
                self.params["w"][0] = 77.0
                raise KeyboardInterrupt
            super().step(grads)

    model = Bowl(ll, (1.0, -1.0))
    history = train(model, HERE, Half(model.params, 0.1), steps=9)
    assert (history.step, len(history.loss), history.stopped) == ([1, 2], 2, "interrupted")
    np.testing.assert_allclose(w(model), [0.81, -0.81], rtol=1e-14)


def test_an_interrupt_with_patience_leaves_the_best():
    def stop(step, model, history):
        if step == 4:
            raise KeyboardInterrupt

    model = Bowl(ll, (1.0, -1.0))
    validate = scripted([3.0, 1.0, 2.0, 2.0])
    history = train(model, HERE, steps=9, every=1, patience=9, validate=validate, callbacks=[stop])
    assert (len(history.step), history.best_step, history.restored) == (4, 2, True)
    np.testing.assert_allclose(w(model), [0.81, -0.81], rtol=1e-14)


def test_an_iterator_is_walked_once_and_not_further_than_needed():
    numbers = itertools.count(1)
    history = train(Bowl(ll), ((0.0, 0.0) for _ in numbers), steps=5)
    assert (len(history.step), next(numbers)) == (5, 6)
    with pytest.raises(TrainingError, match="expected 5, got an iterator that ended after 2") as caught:
        train(Bowl(ll), iter(HERE * 2), steps=5)
    assert caught.value.history.step == [1, 2]


# Resuming


def in_pieces(tmp_path, make, pieces, **options):
    """Train in one go without a file, and in pieces with everything built anew; return both outcomes."""
    outcomes = []
    for path, stops in ((None, pieces[-1:]), (tmp_path / "pieces.npz", pieces)):
        for length in stops:
            model, optimizer = make()
            batches = batches_of(options)
            history = train(model, batches, optimizer, **length, **kept(options), checkpoint=path)
        remembered = {name: a.tolist() for name, a in optimizer.state().items()}
        outcomes.append((history, vectors(ll, model.params), remembered))
    return outcomes


def batches_of(options):
    return options.get("batches", shuffled(DATA, 2))


def kept(options):
    return {name: value for name, value in options.items() if name != "batches"}


def endless(rng):
    return (rng.normal(size=2) for _ in itertools.count())


def bowl_and(kind, model=Bowl, **options):
    def make():
        it = model(ll)
        return it, kind(it.params, 0.05, **options)

    return make


@pytest.mark.parametrize(
    ("pieces", "options"),
    [
        ([{"steps": 10}, {"steps": 20}], {}),
        ([{"steps": 10}, {"steps": 20}], {"validate": [DATA[0]], "every": 3}),
        ([{"steps": 8}, {"steps": 16}], {"validate": [DATA[0]]}),  # at the end of an epoch of four
        ([{"steps": 1}, {"steps": 2}, {"steps": 20}], {"validate": [DATA[0]], "every": 4, "clip": 0.5}),
        ([{"epochs": 1}, {"epochs": 3}], {"schedule": lambda step: 0.1 / step}),
        ([{"steps": 7}, {"steps": 20}], {"validate": [DATA[0]], "every": 2, "patience": 3}),
        ([{"steps": 10}, {"steps": 20}], {"batches": endless}),
        ([{"steps": 10}, {"steps": 20}], {"batches": list(DATA)}),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "make", [bowl_and(Adam), bowl_and(SGD, momentum=0.9), bowl_and(Adam, Noisy)], ids=["Adam", "SGD", "noise"]
)
def test_pieces_equal_the_whole(tmp_path, make, pieces, options):
    whole, pieced = in_pieces(tmp_path, make, pieces, **options)
    assert whole == pieced


@settings(max_examples=examples(12), deadline=None)
@given(
    cut=st.integers(1, 19),
    every=st.none() | st.integers(1, 6),
    patience=st.none() | st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_pieces_equal_the_whole_wherever_the_cut(tmp_path_factory, cut, every, patience, seed):
    validate = None if patience is None else [DATA[0]]
    whole, pieced = in_pieces(
        tmp_path_factory.mktemp("pieces"), bowl_and(Adam), [{"steps": cut}, {"steps": 20}],
        every=every, patience=patience, validate=validate, rng=seed,
    )  # fmt: skip
    assert whole == pieced


def test_after_an_interrupt_the_training_goes_on_as_if_nothing_had_been(tmp_path):
    def run(name, interrupt):
        model = Bowl(ll)

        def stop(step, model, history):
            if interrupt and step == 8:
                raise KeyboardInterrupt

        return model, train(model, shuffled(DATA), Adam(model.params, 0.1), steps=15, every=3,
                            checkpoint=tmp_path / name, callbacks=[stop])  # fmt: skip

    whole, history = run("whole", False)
    _, broken = run("broken", True)
    assert (len(broken.step), broken.stopped) == (8, "interrupted")
    mended, again = run("broken", False)
    assert again == history
    assert vectors(ll, mended.params) == vectors(ll, whole.params)


def test_a_finished_training_is_not_trained_again(tmp_path):
    path, model = tmp_path / "done.npz", Bowl(ll)
    options = {"every": 1, "patience": 2, "checkpoint": path}
    first = train(model, HERE, steps=9, validate=scripted([2.0, 1.0, 3.0, 3.0]), **options)
    other = Bowl(ll, (8.0, 8.0))
    second = train(other, HERE, steps=9, validate=scripted([]), **options)
    assert (second, vectors(ll, other.params)) == (first, vectors(ll, model.params))
    assert second.stopped == "patience exhausted"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rng": 1}, r"done\.npz: expected a training with rng=1, got one with rng=0"),
        ({"steps": 3}, r"done\.npz: expected at most 3 steps, got a training after 4"),
        ({"model": Bowl(ll, (1.0, 1.0, 1.0))}, r"done\.npz: expected w of shape \(3,\)"),
        ({"optimizer": Adam}, r"done\.npz: expected the state of an optimiser Adam, got that of SGD"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, change, message):
    path = tmp_path / "done.npz"
    train(Bowl(ll), HERE, steps=4, checkpoint=path)
    model = change.get("model", Bowl(ll, (5.0, 5.0)))
    optimizer = change.get("optimizer", SGD)(model.params, 0.1)
    before = vectors(ll, model.params)
    with pytest.raises(CheckpointError, match=message):
        train(model, HERE, optimizer, steps=change.get("steps", 9), rng=change.get("rng", 0), checkpoint=path)
    assert vectors(ll, model.params) == before


def test_a_checkpoint_without_a_training_is_refused(tmp_path):
    model = Bowl(ll)
    save_checkpoint(tmp_path / "bare.npz", model.params, SGD(model.params, 0.1))
    with pytest.raises(CheckpointError, match=r"bare\.npz: expected a checkpoint that fit has written"):
        train(model, HERE, steps=1, checkpoint=tmp_path / "bare.npz")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "steps, epochs: expected exactly one"),
        ({"steps": 1, "epochs": 1}, "steps, epochs: expected exactly one"),
        ({"steps": 0}, "steps: expected a positive whole number, got 0"),
        ({"steps": 1, "every": 0}, "every: expected"),
        ({"steps": 1, "clip": -1.0}, "clip: expected"),
        ({"steps": 1, "patience": 2}, "validate: expected one"),
        ({"steps": 1, "patience": 2, "validate": iter(HERE)}, "validate: expected batches that can be"),
        ({"steps": 1, "validate": []}, "validate: expected at least one batch"),
        ({"steps": 1, "batches": []}, "batches: expected at least one in epoch 1"),
        ({"epochs": 1, "batches": iter(HERE)}, "batches: expected a function or something"),
        ({"steps": 1, "batches": iter(HERE), "checkpoint": "x.npz"}, "batches: expected a function or"),
    ],
)
def test_arguments_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        train(Bowl(ll), batches_of(options | {"batches": options.get("batches", HERE)}), **kept(options))


def test_a_missing_folder_is_named_before_the_training(tmp_path):
    model = Bowl(ll)
    with pytest.raises(FileNotFoundError, match="expected a folder that exists"):
        train(model, HERE, steps=1, checkpoint=tmp_path / "nowhere" / "x.npz")
    assert model.asked == []


def test_a_loss_must_be_one_number():
    model = Bowl(ll)
    model.loss_and_gradient = lambda batch: (xp.zeros((2,)), model.params.zeros_like())
    with pytest.raises(TypeError, match=r"loss: expected a number, got an array of shape \(2,\)"):
        train(model, HERE, steps=1)


@pytest.mark.parametrize(("progress", "shown"), [(True, True), (None, False), (False, False)])
def test_the_bar(capsys, progress, shown):
    model = Bowl(ll)
    fit(model, HERE, SGD(model.params, 0.1), steps=3, progress=progress)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("3/3" in err) is shown
    assert bool(err) is shown


# History


@pytest.fixture
def history():
    return train(Bowl(ll, (3.0, 4.0)), HERE * 2, epochs=3, validate=HERE)


def test_history_prints_no_digits_that_differ_by_machine(history):
    assert str(history) == "steps  validations  stopped\n    6            3  all epochs done"
    assert str(History()).endswith("not yet")
    lines = history.table(digits=3, rows=2).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["2", "10.1", "8.2", "4.5", "0.1"],
        ["6", "4.36", "3.53", "2.95", "0.1"],
    ]
    assert History().table().count("\n") == 0
    with pytest.raises(ValueError, match="digits: expected a positive whole number, got 0"):
        history.table(digits=0)


def test_histories_are_equal_whatever_the_clock_says(history):
    other = History(**history.as_dict())
    other.seconds = [9.0] * 6
    assert other == history
    other.loss[0] += 1e-15
    assert other != history


def test_history_as_arrays(history):
    arrays = history.as_arrays()
    assert sorted(arrays) == ["grad_norm", "loss", "lr", "seconds", "step", "val_loss", "val_step"]
    assert arrays["step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert arrays["val_step"].dtype.kind == "i"
    assert arrays["loss"].dtype == np.float64
    np.testing.assert_allclose(arrays["loss"], 12.5 * 0.81 ** np.arange(6), rtol=1e-13)


def test_history_draws_both_losses(history):
    import matplotlib.pyplot as plt

    ax = history.plot()
    lines = {line.get_label(): line for line in ax.get_lines()}
    assert lines["training"].get_ydata().tolist() == history.loss
    assert lines["validation"].get_xdata().tolist() == [2, 4, 6]
    assert lines["best validation"].get_xdata() == [6.0, 6.0]
    assert lines["training"].get_color() == plots.BLUE
    assert history.plot(ax) is ax
    plt.close(ax.figure)


# A real network


def first_inputs(n, seed):
    """Sequences of five numbers and the first of each: to be kept over four steps."""
    x = np.random.default_rng(seed).uniform(-1.0, 1.0, size=(5, n, 1))
    return x, x[0, :, :]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_lstm_learns_to_remember_its_first_input(tmp_path, dtype):
    x, y = (a.astype(dtype) for a in first_inputs(64, 0))
    held_out = tuple(a.astype(dtype) for a in first_inputs(64, 1))

    def epoch(rng):
        order = rng.permutation(64)
        return ((x[:, half, :], y[half]) for half in (order[:32], order[32:]))

    def run(steps, name):
        model = Reader(ll, 1, 6, 1, dtype=dtype)
        history = train(model, epoch, Adam(model.params, 0.05), steps=steps, clip=1.0, validate=[held_out],
                        every=20, patience=5, checkpoint=tmp_path / name)  # fmt: skip
        return history, vectors(ll, model.params), model

    history, learnt, model = run(120, "whole.npz")
    variance = float(np.var(held_out[1]))
    assert history.val_loss[0] > 0.2 * variance
    assert min(history.val_loss) < 0.05 * variance
    assert str(model.params["cell.W_f"].dtype).endswith(dtype)
    run(50, "pieces.npz")
    assert run(120, "pieces.npz")[:2] == (history, learnt)
