"""The famous mistakes of training loops and of the files they leave behind."""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
from mutants import Mutant
from trainable import Bowl, shuffled, vectors

LOOP, CHECKPOINTS = "lstmlab.training_loop", "lstmlab.checkpoints"

MUTANTS = [
    Mutant(
        "early stopping keeps the last",
        LOOP,
        "put_back(self.model.params, self.best)",
        "pass",
        "the training stops in time and hands over the parameters of a few steps later",
    ),
    Mutant(
        "the best is remembered by reference",
        LOOP,
        "namespace(v).asarray(v, copy=True) for v",
        "v for v",
        "best = params: an alias that goes on learning",
    ),
    Mutant(
        "patience of one more",
        LOOP,
        "self.waited >= self.patience",
        "self.waited > self.patience",
        "off by one",
    ),
    Mutant(
        "no worse counts as better",
        LOOP,
        "if value < min(self.history.val_loss, default=math.inf):",
        "if value <= min(self.history.val_loss, default=math.inf):",
        "a plateau is never left",
    ),
    Mutant(
        "patience is never renewed",
        LOOP,
        "self.best, self.waited = copy_vectors(self.model.params), 0",
        "self.best = copy_vectors(self.model.params)",
        "counts all bad validations, not those in a row",
    ),
    Mutant(
        "validation in training mode",
        LOOP,
        'as_number("loss", self.model.loss(batch)) for batch',
        'as_number("loss", self.model.loss_and_gradient(batch)[0]) for batch',
        "dropout left on",
    ),
    Mutant(
        "sum of the validation instead of mean",
        LOOP,
        "return sum(losses) / len(losses)",
        "return sum(losses)",
        "grows with the number of batches",
    ),
    Mutant(
        "gradients pile up over the batches",
        LOOP,
        "        self.begun = step\n",
        "        for g, old in zip(grads.vectors, getattr(self, 'old', grads.vectors)):\n"
        "            g[...] = g + (0.0 if old is g else old)\n"
        "        self.old = grads.vectors\n        self.begun = step\n",
        "no zero_grad",
    ),
    Mutant(
        "clipped to a look only",
        LOOP,
        "if self.clip is None else clip_by_global_norm(grads, self.clip)",
        "if True else clip_by_global_norm(grads, self.clip)",
        "the norm is shown and nothing is clipped",
    ),
    Mutant(
        "schedule a step late",
        LOOP,
        "self.schedule(step)",
        "self.schedule(step - 1)",
        "counted from zero here, from one there: the warm-up begins with a rate of zero",
    ),
    Mutant(
        "every epoch in one order",
        LOOP,
        "self.seed = int(self.rng.integers(2**63))",
        "self.seed = 0",
        "seeded inside the loop",
    ),
    Mutant(
        "steps on a loss that is not a number",
        LOOP,
        "if not math.isfinite(number):",
        "if False:",
        "trains through the night on NaN",
    ),
    Mutant(
        "interrupted in the middle of an update",
        LOOP,
        "if self.begun > self.done:",
        "if False:",
        "half of the parameters are a step ahead",
    ),
    # going on
    Mutant(
        "optimiser begins anew",
        CHECKPOINTS,
        "optimizer.load_state(found[1])",
        "pass",
        "only the weights are restored: Adam warms up again",
    ),
    Mutant(
        "order of the batches begins anew",
        LOOP,
        'self.rng.bit_generator.state = state["rng"]',
        "pass",
        "the epochs after the pause repeat those before it",
    ),
    Mutant(
        "goes on at the beginning of the epoch",
        LOOP,
        "for _ in range(self.position):",
        "for _ in range(0):",
        "the first batches are learnt twice",
    ),
    Mutant(
        "patience begins anew",
        LOOP,
        'history, memory["waited"]',
        "history, 0",
        "a training restarted often enough never stops",
    ),
    Mutant(
        "goes on from the best instead of the last",
        LOOP,
        "        save_checkpoint(path,",
        "        self.restore_best()\n        save_checkpoint(path,",
        "the file holds what was handed over, not where the training stood",
    ),
    # files
    Mutant(
        "checkpoint written in place",
        CHECKPOINTS,
        'temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")',
        "temporary = path",
        "a crash while saving costs the old file too",
    ),
    Mutant(
        "renamed before it is on the disk",
        CHECKPOINTS,
        "os.fsync(file.fileno())",
        "pass",
        "after a power cut the new name stands for an empty file",
    ),
    Mutant(
        "checksum not compared",
        CHECKPOINTS,
        "if found != wanted:",
        "if (found['shape'], found['dtype']) != (wanted['shape'], wanted['dtype']):",
        "written, and never looked at",
    ),
    Mutant(
        "checked while it is loaded",
        CHECKPOINTS,
        "    _check_fit(path, values, params)\n",
        "",
        "the first parameters are overwritten when the last is found not to fit",
    ),
    Mutant(
        "files may bring code",
        CHECKPOINTS,
        "allow_pickle=False",
        "allow_pickle=True",
        "a checkpoint from a stranger",
    ),
    Mutant(
        "newer versions are read as this one",
        CHECKPOINTS,
        'if header["version"] != VERSION:',
        "if False:",
        "what has changed its meaning is loaded all the same",
    ),
]


def same(got, expected):
    assert got == expected, f"expected {expected}, got {got}"


def train(ll, model, batches, kind="SGD", lr=0.1, **options):
    optimizer = getattr(importlib.import_module("lstmlab.optim"), kind)(model.params, lr)
    fit = importlib.import_module("lstmlab.training").fit
    return fit(model, batches, optimizer, progress=False, **options)


def scripted(*values):
    values = iter(values)
    return lambda model: next(values)


def early_stopping(ll):
    for values, steps, best in (
        ((3.0, 1.0, 2.0, 2.0, 0.0), 4, 2),
        ((3.0, 3.0, 3.0, 0.0, 0.0), 3, 1),
        ((3.0, 4.0, 2.0, 4.0, 1.0), 5, 5),
    ):
        model = Bowl(ll, (1.0, 0.0))
        history = train(ll, model, [(0, 0)], steps=5, every=1, patience=2, validate=scripted(*values))
        same((len(history.step), history.best_step), (steps, best))
        np.testing.assert_allclose(float(model.params["w"][0]), 0.9**best, rtol=1e-12)


def steps_by_hand(ll):
    model = Bowl(ll, (3.0, 4.0))
    history = train(
        ll,
        model,
        [(0, 0)],
        steps=3,
        every=3,
        validate=[(0, 0)] * 2,
        clip=4.0,
        schedule=lambda step: 0.5 * (step < 3),
    )
    same(model.asked, ["training"] * 3 + ["evaluation"] * 2)
    same(history.lr, [0.5, 0.5, 0.0])
    np.testing.assert_allclose(history.grad_norm, [5.0, 3.0, 1.5], rtol=1e-12)
    np.testing.assert_allclose(history.val_loss, [0.5 * 1.5**2], rtol=1e-12)


def orders_of_epochs(ll):
    seen = []

    def epoch(rng):
        seen.append(tuple(rng.permutation(9)))
        return [(0, 0)]

    train(ll, Bowl(ll), epoch, epochs=3)
    same(len(set(seen)), 3)


def what_goes_wrong(ll):
    class Breaks(Bowl):
        def loss_and_gradient(self, batch):
            loss, grads = super().loss_and_gradient(batch)
            return (loss * math.nan if len(self.asked) == 3 else loss), grads

    model = Breaks(ll)
    with contextlib.suppress(ValueError):
        train(ll, model, [(0, 0)], steps=5)
    same(len(model.asked), 3)

    optim = importlib.import_module("lstmlab.optim")

    class Half(optim.SGD):
        def step(self, grads):
            self.params["w"][0] = 77.0
            raise KeyboardInterrupt

    model = Bowl(ll)
    fit = importlib.import_module("lstmlab.training").fit
    fit(model, [(0, 0)], Half(model.params, 0.1), steps=5, progress=False)
    same(vectors(ll, model.params), [[3.0, -2.0]])


def pieces_equal_the_whole(ll):
    data = np.random.default_rng(0).normal(size=(4, 2))

    def uneven(model):
        return math.cos(50.0 * float(model.params["w"][0]))

    def run(path, steps):
        model = Bowl(ll)
        history = train(
            ll, model, shuffled(data), "Adam", steps=steps, every=1, patience=9, checkpoint=path,
            validate=uneven,
        )  # fmt: skip
        return history, vectors(ll, model.params)

    with tempfile.TemporaryDirectory() as folder:
        whole = run(None, 9)
        same(len(whole[0].step), 9)
        for steps in (2, 4, 7):
            run(Path(folder, f"{steps}.npz"), steps)
            assert run(Path(folder, f"{steps}.npz"), 9) == whole, "the pieces differ from the whole"


def patience_over_pauses(ll):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "paused.npz")
        for steps, values in ((3, (1.0, 2.0, 2.0)), (9, (2.0, 2.0, 2.0, 2.0, 2.0, 2.0))):
            history = train(
                ll, Bowl(ll), [(0, 0)], steps=steps, every=1, patience=3, checkpoint=path,
                validate=scripted(*values),
            )  # fmt: skip
        same(len(history.step), 4)


def crash_while_saving(ll):
    checkpoints = importlib.import_module("lstmlab.checkpoints")

    def half(file, **arrays):
        file.write(b"PK")
        raise ValueError("the disk is full")

    with tempfile.TemporaryDirectory() as folder:
        path, model = Path(folder, "model.npz"), Bowl(ll)
        checkpoints.save_checkpoint(path, model.params)
        before = path.read_bytes()
        with mock.patch.object(np, "savez", half), contextlib.suppress(ValueError):
            checkpoints.save_checkpoint(path, Bowl(ll, (0.0, 0.0)).params)
        assert path.exists(), "the old file is gone"
        assert path.read_bytes() == before, "the old file was changed"
        disk = mock.Mock()
        with mock.patch.object(os, "fsync", disk.flush), mock.patch.object(os, "replace", disk.rename):
            checkpoints.save_checkpoint(path, model.params)
        same([call[0] for call in disk.method_calls][:2], ["flush", "rename"])


SPRUNG = []


def spring():
    SPRUNG.append(True)


class Trap:
    """Calls :func:`spring` when it is unpickled."""

    def __reduce__(self):
        return spring, ()


def files_that_lie(ll):
    """Each is refused, and the parameters are as they were."""
    checkpoints = importlib.import_module("lstmlab.checkpoints")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.npz")

        def refuses(params, **entries):
            if entries:
                with np.load(path) as archive:
                    entries = {name: archive[name] for name in archive.files} | entries
                np.savez(path, **entries)
            before = vectors(ll, params)
            try:
                checkpoints.load_checkpoint(path, params)
            except checkpoints.CheckpointError:
                assert vectors(ll, params) == before, "half of it was loaded"
            else:
                raise AssertionError("a file that lies was read")

        def two(n):
            return ll.Parameters({"a": (2,), "b": (n,)}, ll.xp.zeros((2 + n,)))

        ones = two(2)
        ones.flat[...] = 1.0

        def save():
            checkpoints.save_checkpoint(path, ones)

        save()
        try:
            refuses(two(3))
        except (TypeError, ValueError) as error:
            raise AssertionError("another error") from error
        refuses(two(2), **{"params/a": np.asarray([1.0, 1.5])})
        save()
        with mock.patch.object(checkpoints, "VERSION", 2):
            save()
        refuses(two(2))
        save()
        SPRUNG.clear()
        np.savez(path, header=np.asarray([Trap()], dtype=object))
        refuses(two(2))
        same(SPRUNG, [])


WITNESSES = [
    steps_by_hand,
    what_goes_wrong,
    early_stopping,
    orders_of_epochs,
    crash_while_saving,
    files_that_lie,
    patience_over_pauses,
    pieces_equal_the_whole,
]
