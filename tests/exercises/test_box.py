"""What stands between a submission and the grader: bytes, and the choice of code that is taken over."""

import json
import time

import numpy as np
import pytest

from exercises.box import extract
from exercises.box.calling import call, same
from exercises.box.values import LARGEST, MAGIC, RefusedError, Seed, Strange, dumps, loads

VALUES = [
    None,
    True,
    -3,
    10**20,
    0.1,
    float("inf"),
    "σ′",
    Seed(7),
    Strange("Figure"),
    np.arange(6.0).reshape(2, 3),
    np.array(2.5, np.float32),
    np.zeros((0, 4), np.int8),
    np.array([True, False]),
    np.array([1j, np.nan]),
    (1, [2, {"W_f": np.ones((2, 2)), "b": None}]),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_goes_in_comes_out(value):
    found = loads(dumps(value))
    assert type(found) is type(value)
    assert same(found, value)


def test_what_is_not_plain_is_named():
    assert loads(dumps(object())) == "object"
    assert loads(dumps([np.array([object()])])) == ["array of object"]
    assert isinstance(loads(dumps(lambda: 1)), Strange)
    deep: list = []
    for _ in range(100):
        deep = [deep]
    assert loads(dumps(deep)) is not None


def message(node, blob=b""):
    head = json.dumps(node).encode()
    return b"%s %010d\n%s%s" % (MAGIC, len(head), head, blob)


HOSTILE = {
    "nothing": b"",
    "text": b"hello" * 10,
    "length": MAGIC + b" 9999999999\n{}",
    "no length": MAGIC + b" -1\n{}",
    "not JSON": MAGIC + b" 0000000002\n{{",
    "no value": message({}),
    "a bare number": message(3),
    "unknown kind": message({"pickle": "cos"}),
    "an array beyond its data": message({"a": "float64", "s": [10**12]}),
    "a shape below zero": message({"a": "float64", "s": [-1, -8]}, b"\0" * 64),
    "a shape of truth": message({"a": "float64", "s": [True]}, b"\0" * 64),
    "objects": message({"a": "object", "s": [1]}, b"\0" * 8),
    "a long name": message({"a": "f" * 1000, "s": [1]}, b"\0" * 8),
    "too deep": message(json.loads('{"l": [' * 60 + "null" + "]}" * 60)),
    "too many": message({"l": [None] * 30_000}),
    "too long": MAGIC + b"x" * LARGEST,
    "brackets": MAGIC + b" 0000200000\n" + b"[" * 200_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_anything_else_is_refused_at_once(name):
    start = time.process_time()
    with pytest.raises(RefusedError):
        loads(HOSTILE[name])
    assert time.process_time() - start < 2


# --- which code is taken over -------------------------------------------------------------------------


def taken(wanted, *cells):
    statements, problems = extract.read_cells((f"cell {k}", cell) for k, cell in enumerate(cells, 1))
    namespace: dict = {}
    problems += extract.execute(extract.needed(statements, {wanted}), namespace)
    return namespace, problems


def test_only_what_the_function_needs_is_run():
    names, problems = taken(
        "f",
        "import math\nimport nowhere",
        "boom = 1 / 0\nprint('never')",
        "k = 2\ndef g(x):\n    return k * math.sqrt(x)\ndef f(x):\n    return g(x)",
        "f(4)",
    )
    assert problems == []
    assert names["f"](4) == 4
    assert "boom" not in names
    assert "nowhere" not in names


def test_a_local_name_is_not_what_a_cell_calls_so():
    names, problems = taken("f", "W = 1 / 0", "def f(x):\n    W = x\n    return W")
    assert problems == []
    assert names["f"](3) == 3


@pytest.mark.parametrize(
    "cell",
    [
        "def f(x):\n    return x",
        "f = lambda x: x",
        "if True:\n    def f(x):\n        return x",
        "try:\n    import cupy as xp\nexcept ImportError:\n    xp = None\nf = lambda x: (xp, x)[1]",
        "def make():\n    return lambda x: x\nf = make()",
        "table = {}\ntable['id'] = lambda x: x\ndef f(x):\n    return table['id'](x)",
        "from __future__ import annotations\ndef f(x: Nobody) -> Nobody:\n    return x",
        "class A:\n    def __call__(self, x):\n        return x\nf = A()",
        "def outer(x):\n    global y\n    y = x\n    return y\ndef f(x):\n    return outer(x)",
        "from math import *\ndef f(x):\n    return floor(x)",
        "%load_ext autoreload\n!ls\ndef f(x):\n    return x",
        "%%time\ndef f(x):\n    return x",
    ],
)
def test_functions_are_found_however_they_are_written(cell):
    names, problems = taken("f", cell)
    assert problems == []
    assert names["f"](3) == 3


def test_the_last_definition_counts_unless_it_is_the_stub():
    stub = 'def f(x):\n    """Doc."""\n    # YOUR CODE HERE\n    raise NotImplementedError("task 1: write")'
    assert taken("f", "def f(x):\n    return 1", "def f(x):\n    return 2")[0]["f"](0) == 2
    assert taken("f", "def f(x):\n    return 1", stub)[0]["f"](0) == 1
    with pytest.raises(NotImplementedError, match="task 1"):
        taken("f", stub)[0]["f"](0)


def test_a_loan_is_no_answer():
    assert "f" not in taken("f", "f = check.reference(1)")[0]


def test_a_cell_that_cannot_be_read_is_named_and_left_out():
    names, problems = taken("f", "def g(:\n    pass", "def f(x):\n    return x", "x = '\0'")
    assert names["f"](1) == 1
    assert problems[0].startswith("cell 1 cannot be read by Python: ")
    assert any(problem.startswith("cell 3 cannot be read") for problem in problems)


def test_a_call_says_what_happened():
    def f(a):
        a += 1
        return a.sum()

    outcome = call(f, {"a": np.zeros(2)})
    assert outcome["value"] == 2
    assert outcome["changed"] == ["a"]
    outcome = call(lambda a: 1 / 0, {"a": 1}, files=__file__)
    assert outcome["error"]["type"] == "ZeroDivisionError"
    assert "1 / 0" in outcome["error"]["text"]
    drawn = call(lambda ax, y: ax.plot(range(3)[::-1], y), {"y": np.arange(3.0)}, plot=True)["value"]
    np.testing.assert_array_equal(drawn["curves"][0], [[0, 1, 2], [2, 1, 0]])
    assert call(lambda rng: rng.normal(), {"rng": Seed(3)})["value"] == np.random.default_rng(3).normal()


def test_an_image_counts_as_it_is_seen():
    rows = np.arange(6.0).reshape(3, 2)

    def seen(draw):
        return call(draw, {"a": rows}, plot=True)["value"]["images"][0].tolist()

    assert seen(lambda ax, a: ax.imshow(a)) == seen(lambda ax, a: ax.matshow(a)) == rows.tolist()
    assert seen(lambda ax, a: ax.imshow(a, origin="lower")) == rows[::-1].tolist()
    assert seen(lambda ax, a: (ax.imshow(a, origin="lower"), ax.invert_yaxis())) == rows.tolist()
