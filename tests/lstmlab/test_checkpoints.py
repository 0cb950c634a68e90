"""Checkpoints: what goes in comes out bit by bit, and nothing less than a whole and fitting file is read."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
from cases import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from trainable import Bowl, vectors

import lstmlab as ll
from lstmlab import checkpoints, xp
from lstmlab.checkpoints import CheckpointError, load_checkpoint, save_checkpoint
from lstmlab.optim import SGD, Adam
from lstmlab.parameters import ParameterGroup


def group(seed=0, dtype="float64", n_h=3):
    shared = ll.LSTM(2, n_h, rng=seed, dtype=dtype).params
    other = ll.RNN(1, 2, rng=seed + 1, dtype=dtype).params
    return ParameterGroup({"encoder": shared, "decoder": shared, "top": other})


def used_adam(params, steps=3):
    """An optimiser with something to remember."""
    adam = Adam(params, 0.1)
    for _ in range(steps):
        grads = params.zeros_like()
        for g in grads.vectors:
            g[...] = xp.asarray(np.linspace(-1.0, 1.0, g.shape[0]), dtype=g.dtype)
        adam.step(grads)
    return adam


def remembered(optimizer):
    return {name: np.asarray(a).tolist() for name, a in optimizer.state().items()}


@pytest.fixture
def saved(tmp_path):
    """A file, and what was saved in it."""
    path, params = tmp_path / "model.npz", group()
    adam = used_adam(params)
    save_checkpoint(path, params, adam, {"note": "first"})
    return path, vectors(ll, params), remembered(adam)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_goes_in_comes_out(tmp_path, dtype):
    path, params = tmp_path / "model.npz", group(0, dtype)
    adam = used_adam(params)
    save_checkpoint(path, params, adam)
    others = group(7, dtype)
    fresh = Adam(others, 0.5)
    assert vectors(ll, others) != vectors(ll, params)
    assert load_checkpoint(path, others, fresh) is None
    assert vectors(ll, others) == vectors(ll, params)
    assert remembered(fresh) == remembered(adam)
    assert others["encoder.W_f"].dtype == getattr(xp, dtype)
    assert [p.name for p in tmp_path.iterdir()] == ["model.npz"]


def test_without_an_optimiser_the_files_is_left_unread(saved):
    path, values, _ = saved
    params = group(7)
    assert load_checkpoint(path, params) == {"note": "first"}
    assert vectors(ll, params) == values


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
trees = st.recursive(
    leaves, lambda tree: st.lists(tree, max_size=3) | st.dictionaries(st.text(max_size=5), tree, max_size=3)
)


@settings(max_examples=examples(12), deadline=None)
@given(extra=trees)
def test_extra_is_whatever_json_holds(tmp_path_factory, extra):
    path = tmp_path_factory.mktemp("extra") / "model.npz"
    save_checkpoint(path, Bowl(ll).params, extra=extra)
    assert load_checkpoint(path, Bowl(ll).params) == extra


def test_extra_may_hold_arrays_and_the_state_of_a_generator(tmp_path):
    path = tmp_path / "model.npz"
    rng = np.random.Generator(np.random.MT19937(3))
    extra = {
        "rng": rng.bit_generator.state,
        "a/b": np.arange(3, dtype="int16"),
        "a": {"b": np.asarray(2.5, dtype="float32")},
        "list": [np.zeros((2, 0)), np.float64(0.1), (1, 2)],
    }
    save_checkpoint(path, Bowl(ll).params, extra=extra)
    back = load_checkpoint(path, Bowl(ll).params)
    assert back["a/b"].tolist() == [0, 1, 2]
    assert back["a/b"].dtype == np.int16
    assert (float(back["a"]["b"]), back["a"]["b"].dtype) == (2.5, np.float32)
    assert back["list"][0].shape == (2, 0)
    assert back["list"][1:] == [0.1, [1, 2]]
    again = np.random.Generator(np.random.MT19937(0))
    again.bit_generator.state = back["rng"]
    assert again.random(4).tolist() == rng.random(4).tolist()


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"f": print}, "extra/f: expected numbers, strings"),
        ([1, {2: 3}], "extra/1: expected names that are strings, got 2"),
        ({"o": np.asarray([None])}, "extra/o: expected numbers"),
        ({1, 2}, "extra: expected numbers.*got set"),
    ],
)
def test_what_cannot_be_kept_is_named_and_the_old_file_stands(saved, extra, message):
    path, _, _ = saved
    before = path.read_bytes()
    with pytest.raises(TypeError, match=message):
        save_checkpoint(path, group(), extra=extra)
    assert path.read_bytes() == before


def test_the_file_is_a_plain_archive_with_a_header(saved):
    path, values, _ = saved
    with np.load(path, allow_pickle=False) as archive:
        header = json.loads(bytes(archive["header"]))
        assert header["format"] == "lstmlab checkpoint"
        assert header["version"] == 1
        assert set(header["arrays"]) == set(archive.files) - {"header"}
        assert archive["params/encoder.W_f"].ravel().tolist() == values[0][: 3 * 5]
        assert header["arrays"]["params/encoder.W_f"]["shape"] == [3, 5]
        assert header["arrays"]["params/encoder.W_f"]["dtype"] == "<f8"
        assert "params/decoder.W_f" not in archive.files  # shared parts stand there once


# Nothing less than a whole file


def refused(path, message=""):
    """Loading raises an error that names the file, and changes nothing."""
    params = group(7)
    adam = used_adam(params, 1)
    before = vectors(ll, params), remembered(adam)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(path, params, adam)
    assert str(path) in str(caught.value)
    assert (vectors(ll, params), remembered(adam)) == before


def test_a_file_cut_short_anywhere_is_refused(saved):
    path, _, _ = saved
    whole = path.read_bytes()
    for length in [0, 1, 2, *range(3, len(whole), 397), len(whole) - 1]:
        path.write_bytes(whole[:length])
        refused(path, "expected a lstmlab checkpoint")


def test_a_file_with_one_byte_changed_is_refused_or_says_the_same(saved):
    path, values, kept = saved
    whole = path.read_bytes()
    messages = []
    for place in range(0, len(whole), 131):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        params = group(7)
        adam = used_adam(params, 1)
        before = vectors(ll, params), remembered(adam)
        try:
            assert load_checkpoint(path, params, adam) == {"note": "first"}
        except CheckpointError as error:
            messages.append(str(error))
            assert (vectors(ll, params), remembered(adam)) == before
        else:  # a byte that nobody reads, such as the time of day in the archive's list
            assert (vectors(ll, params), remembered(adam)) == (values, kept)
    assert len(messages) > 20
    assert all(str(path) in message for message in messages)


def rewrite(path, **changes):
    """Write the archive anew, well formed, with some of its entries changed or, if None, left out."""
    with np.load(path) as archive:
        entries = {name: archive[name] for name in archive.files}
    entries |= changes
    np.savez(path, **{name: a for name, a in entries.items() if a is not None})


def header_with(path, **changes):
    with np.load(path) as archive:
        header = json.loads(bytes(archive["header"]))
    return np.frombuffer(json.dumps(header | changes).encode(), dtype=np.uint8)


def test_a_value_that_is_not_the_one_saved_is_refused(saved):
    path, _, _ = saved
    with np.load(path) as archive:
        value = archive["params/encoder.W_f"].copy()
    value[0, 0] = np.nextafter(value[0, 0], 9.0)
    rewrite(path, **{"params/encoder.W_f": value})
    refused(path, r"expected params/encoder\.W_f with .*sha256.*the file is damaged")


def test_files_of_another_kind_are_refused(saved, tmp_path):
    path, _, _ = saved
    rewrite(path, header=None)
    refused(path, "expected a lstmlab checkpoint")
    np.savez(path, weights=np.zeros(3))
    refused(path, "expected a lstmlab checkpoint")
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))
    refused(path, "expected a lstmlab checkpoint")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header", "hello")
    refused(path, "expected a lstmlab checkpoint")
    path.write_text("epoch,loss\n1,0.5\n")
    refused(path, "expected a lstmlab checkpoint")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz"):
        load_checkpoint(tmp_path / "nowhere.npz", group())


SPRUNG = []


def spring():
    SPRUNG.append(True)


class Trap:
    """Calls :func:`spring` when it is unpickled."""

    def __reduce__(self):
        return spring, ()


def test_nothing_in_a_file_is_executed(saved):
    path, _, _ = saved
    with np.load(path) as archive:
        entries = {name: archive[name] for name in archive.files}
    entries["params/encoder.W_f"] = np.asarray([Trap()], dtype=object)
    np.savez(path, **entries)
    refused(path, "expected a lstmlab checkpoint")
    assert SPRUNG == []
    with np.load(path, allow_pickle=True) as archive:
        assert archive["params/encoder.W_f"].tolist() == [None]
    assert SPRUNG == [True]  # the trap works


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "weights of mine"}, "expected a lstmlab checkpoint, got 'weights of mine'"),
        ({"version": 2}, "expected version 1 of the format, got 2"),
        ({"version": "one"}, "expected version 1 of the format, got 'one'"),
        ({"arrays": {}}, "missing there: encoder.W_C"),
        ({"arrays": None}, "expected a lstmlab checkpoint"),
        ({"optimizer": ["Adam", {"array in this file": "no such"}]}, "expected a lstmlab checkpoint"),
        ({"optimizer": None}, "expected the state of an optimiser Adam, got none"),
    ],
)
def test_headers_that_say_something_else(saved, changes, message):
    path, _, _ = saved
    rewrite(path, header=header_with(path, **changes))
    refused(path, message)


# Nothing but a fitting file


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (lambda: group(n_h=4), r"expected encoder\.W_f of shape \(4, 6\) and dtype float64, got \(3, 5\)"),
        (lambda: group(dtype="float32"), r"expected encoder\.\w+ of shape .* and dtype float32, got"),
        (lambda: ll.LSTM(2, 3).params, r"missing there: W_C, .*unknown here: encoder\.W_C"),
        (
            lambda: ParameterGroup({"encoder": group().parts["encoder"]}),
            r"missing there: none; unknown here: top",
        ),
    ],
)
def test_the_file_of_another_model_is_refused(saved, params, message):
    path, _, _ = saved
    params = params()
    before = vectors(ll, params)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path, params)
    assert vectors(ll, params) == before


def test_the_state_of_another_optimiser_is_refused_and_nothing_half_loaded(saved):
    path, _, _ = saved
    params = group(7)
    sgd = SGD(params, 0.25, momentum=0.5)
    before = vectors(ll, params)
    with pytest.raises(CheckpointError, match="expected the state of an optimiser SGD, got that of Adam"):
        load_checkpoint(path, params, sgd)
    smaller = Adam(Bowl(ll).params, 0.25)
    with pytest.raises(CheckpointError, match="expected a state that this Adam takes"):
        load_checkpoint(path, params, smaller)
    assert vectors(ll, params) == before
    assert smaller.lr == 0.25


def test_an_optimiser_that_fails_half_way_gets_its_own_state_back(saved):
    class Clumsy(Adam):
        def load_state(self, state):
            self.lr = float(state["lr"])
            if self.lr == 0.1:
                raise KeyError("no slot")

    Clumsy.__name__ = "Adam"
    path, _, _ = saved
    params = group(7)
    clumsy, before = Clumsy(params, 0.75), vectors(ll, params)
    with pytest.raises(CheckpointError, match="no slot"):
        load_checkpoint(path, params, clumsy)
    assert clumsy.lr == 0.75
    assert vectors(ll, params) == before


def test_what_is_not_finite_is_neither_saved_nor_loaded(saved):
    path, _, _ = saved
    before = path.read_bytes()
    broken = group()
    broken.vectors[1][0] = float("nan")
    with pytest.raises(ValueError, match=r"params: expected finite values, got NaN or infinity in top\.W"):
        save_checkpoint(path, broken)
    assert path.read_bytes() == before


# A crash while saving


def half(file, **arrays):
    file.write(b"PK half of it")
    raise OSError(28, "No space left on device")


def fails(*args):
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize(
    ("where", "what", "instead"),
    [(np, "savez", half), (checkpoints.os, "fsync", fails), (checkpoints.os, "replace", fails)],
    ids=["half written", "not flushed", "not moved"],
)
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(saved, monkeypatch, where, what, instead):
    path, values, _ = saved
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(where, what, instead)
        with pytest.raises(OSError, match=r"No space left|Input/output"):
            save_checkpoint(path, group(5), extra={"note": "second"})
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["model.npz"]
    params = group(7)
    assert load_checkpoint(path, params) == {"note": "first"}
    assert vectors(ll, params) == values


def test_the_bytes_are_on_the_disk_before_the_name_is(saved, monkeypatch):
    path, _, _ = saved
    order, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(checkpoints.os, "fsync", lambda fd: (order.append("fsync"), fsync(fd)))
    monkeypatch.setattr(checkpoints.os, "replace", lambda a, b: (order.append("replace"), replace(a, b)))
    save_checkpoint(path, group(5))
    assert order[:2] == ["fsync", "replace"]


CHILD = """
import os, signal, sys
import numpy as np
import lstmlab as ll
from lstmlab.checkpoints import save_checkpoint

path, how = sys.argv[1:]
params = ll.Parameters({"w": (100_000,)}, ll.xp.zeros((100_000,)))
if how == "half":
    params["w"] = 1.0
    save_checkpoint(path, params, extra=1)
    whole = np.savez
    def half(file, **arrays):
        whole(file, **arrays)
        file.truncate(400_000)
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    np.savez = half
for k in range(2, 10_000):
    params["w"] = float(k)
    save_checkpoint(path, params, extra=k)
    print(k, flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize("how", ["half", "any time"])
def test_a_process_killed_while_saving_leaves_a_whole_file(tmp_path, how):
    path = tmp_path / "model.npz"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])}
    command = [sys.executable, "-c", CHILD, str(path), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as child:
        if how == "any time":
            for _ in range(3):
                child.stdout.readline()
            time.sleep(0.01)  # somewhere within a later saving
            child.send_signal(signal.SIGKILL)
        child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL
    params = ll.Parameters({"w": (100_000,)}, xp.zeros((100_000,)))
    number = load_checkpoint(path, params)
    assert number == 1 if how == "half" else number >= 3
    assert ll.to_numpy(params["w"]).tolist() == [float(number)] * 100_000


# Paths


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"path: expected a folder that exists, got .*nowhere"):
        save_checkpoint(tmp_path / "nowhere" / "model.npz", group())


def test_paths_may_be_strings_relative_links_and_of_any_ending(saved, monkeypatch):
    path, values, _ = saved
    monkeypatch.chdir(path.parent)
    params = group(7)
    assert load_checkpoint("model.npz", params) == {"note": "first"}
    save_checkpoint("weights", params, extra=[2])
    assert load_checkpoint("weights", group()) == [2]
    if os.name == "posix":
        os.symlink("weights", "latest")
        save_checkpoint("latest", params, extra=[3])
        assert os.path.islink("latest")
        assert load_checkpoint("weights", group()) == [3]
    assert vectors(ll, params) == values
