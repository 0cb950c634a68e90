"""The choice of the array library, and the two ways across."""

import importlib
import os
import subprocess
import sys
import types

import numpy as np
import pytest

import lstmlab as ll
from lstmlab import backend


@pytest.fixture
def fake_cupy(monkeypatch):
    """Put a module named cupy in place whose runtime answers as told."""

    def install(device_count):
        module = types.ModuleType("cupy")
        module.__version__ = "99.0"
        module.cuda = types.SimpleNamespace(runtime=types.SimpleNamespace(getDeviceCount=device_count))
        module.ones, module.tanh = np.ones, np.tanh
        monkeypatch.setitem(sys.modules, "cupy", module)
        monkeypatch.setitem(sys.modules, "array_api_compat.cupy", module)
        return module

    return install


def broken_driver():
    raise OSError("cudaErrorInsufficientDriver: CUDA driver version is insufficient")


def test_auto_falls_back_to_numpy_when_cupy_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert ll.get_xp("auto") is np


def test_auto_falls_back_when_the_device_does_not_answer(fake_cupy):
    fake_cupy(broken_driver)
    assert ll.get_xp("auto") is np
    fake_cupy(lambda: 0)
    assert ll.get_xp("auto") is np


def test_auto_takes_cupy_where_a_device_answers(fake_cupy):
    module = fake_cupy(lambda: 1)
    assert ll.get_xp("auto") is module
    assert ll.get_xp("cupy") is module


def test_cupy_without_a_device_says_what_was_found(fake_cupy, monkeypatch):
    fake_cupy(lambda: 0)
    with pytest.raises(RuntimeError, match=r"cupy 99\.0 is installed, but there is no CUDA device"):
        ll.get_xp("cupy")
    fake_cupy(broken_driver)
    with pytest.raises(RuntimeError, match=r"does not answer.*cudaErrorInsufficientDriver"):
        ll.get_xp("cupy")
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(RuntimeError, match="cupy cannot be imported"):
        ll.get_xp("cupy")


def test_a_wrong_choice_names_the_variable_and_the_choices():
    with pytest.raises(ValueError, match="choice: expected one of auto, numpy, cupy, strict, got 'gpu'"):
        ll.get_xp("gpu")
    code = subprocess.run(
        [sys.executable, "-c", "import lstmlab"],
        env={**os.environ, "LSTMLAB_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert code.returncode != 0
    assert (
        "environment variable LSTMLAB_BACKEND: expected one of auto, numpy, cupy, strict, got 'jax'"
        in code.stderr
    )


def test_the_environment_variable_decides(monkeypatch):
    monkeypatch.setenv("LSTMLAB_BACKEND", "numpy")
    assert ll.get_xp() is np
    monkeypatch.setenv("LSTMLAB_BACKEND", "strict")
    assert ll.get_xp().__name__ == "array_api_strict"


def test_importing_the_package_does_not_import_matplotlib():
    code = "import sys, lstmlab; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_strict_refuses_what_a_gpu_would_refuse():
    strict = ll.get_xp("strict")
    a = strict.ones((2, 3))
    with pytest.raises((RuntimeError, TypeError)):
        np.asarray(a)
    with pytest.raises((RuntimeError, TypeError)):
        a + np.ones((2, 3))
    assert ll.to_numpy(a).tolist() == [[1.0] * 3] * 2


def test_strict_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "array_api_strict", None)
    with pytest.raises(RuntimeError, match=r"array-api-strict.*lstmlab\[test\]"):
        backend._strict()


@pytest.mark.parametrize("choice", ["numpy", "strict"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_there_and_back_again(choice, dtype):
    host = np.arange(6, dtype=dtype).reshape(2, 3)
    there = ll.from_numpy(host, ll.get_xp(choice).zeros((1,), dtype=getattr(ll.get_xp(choice), dtype)))
    back = ll.to_numpy(there)
    assert back.dtype == host.dtype
    np.testing.assert_array_equal(back, host)


def test_namespace_refuses_a_mixture_and_what_is_no_array():
    strict = ll.get_xp("strict")
    with pytest.raises(TypeError, match="expected arrays of one library"):
        ll.namespace(strict.ones((1,)), np.ones(1))
    with pytest.raises(TypeError, match=r"expected arrays of one library, got builtins\.list"):
        ll.namespace([1.0])


def test_everything_public_can_be_reached():
    importlib.import_module("lstmlab.plots")
    for name in ll.__all__:
        assert getattr(ll, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'GRUU'"):
        ll.GRUU  # noqa: B018


def test_a_device_that_cannot_compute_is_found_out(fake_cupy):
    def refuse(*_):
        raise OSError("libnvrtc.so is missing")

    fake_cupy(lambda: 1).tanh = refuse
    assert ll.get_xp("auto") is np
    with pytest.raises(RuntimeError, match=r"does not answer.*libnvrtc"):
        ll.get_xp("cupy")


def test_an_empty_variable_counts_as_unset(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setenv("LSTMLAB_BACKEND", "")
    assert ll.get_xp() is np
