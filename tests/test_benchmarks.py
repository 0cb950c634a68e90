"""The benchmarks' arithmetic and report; nothing is timed here."""

import json

import numpy as np
import pytest

import benchmarks.__main__ as command
from benchmarks import memory, peers, report
from benchmarks.sizes import SIZES, Size

SMALL = Size(3, 7, 4, 5)


def test_the_work_of_a_size():
    assert Size(2, 3, 4, 5).forward_flops == 2 * 3 * 2 * (4 * 5) * (5 + 4)
    assert SMALL.training_flops == 3 * SMALL.forward_flops
    assert len(set(SIZES)) == len(SIZES)


@pytest.mark.parametrize("size", [SMALL, Size(1, 7, 4, 5)])
@pytest.mark.parametrize("name", [*peers.OURS, *peers.SETS])
def test_every_peer_computes_the_same_lstm(name, size, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    module = {"onnxruntime": "onnxruntime", "torch": "torch", "jax": "jax"}.get(name)
    if module:
        pytest.importorskip(module)
    given = peers.data(size)
    peer = (peers.OURS | peers.SETS)[name](size, given)
    if peer.training is not None:
        peer.training()
    if peer.h is None:
        peer.forward()
        return
    want = peers.fused(size, given).h()
    assert peer.h().shape == (size.T, size.B, size.n_h)
    assert np.max(np.abs(peer.h() - want)) < 1e-6


@pytest.mark.parametrize("make", [*peers.OURS_GRU.values(), peers.torch_gru])
def test_every_peer_computes_the_same_gru(make):
    if make is peers.torch_gru:
        pytest.importorskip("torch")
    given = peers.gru_data(SMALL)
    given.cell.params.flat[...] = np.random.default_rng(0).normal(size=given.cell.n_params)
    peer = make(SMALL, given)
    peer.training()
    assert np.max(np.abs(peer.h() - peers.fused(SMALL, given).h())) < 1e-6


def test_the_gru_has_its_own_table_once_it_was_timed():
    times = {"lstmlab": [1.0, 1.0], "step by step": [4.0, 4.0], "torch": [2.0, 2.0]}
    run = {"gru": [{"size": list(SMALL), "forward": times, "training": times | {"torch": [0.5, 0.5]}}]}
    assert report.gru_table([{}, run])[-2] == "| (3, 7, 4, 5) | 0.25 | 0.50 | ±0 % | 0.25 | 2.00 | ±0 % |"
    assert report.gru_table([{}]) == []


def test_ratios_are_paired_by_round():
    row = {"lstmlab": [1.0, 2.0, 4.0], "torch": [2.0, 2.0, 2.0]}
    assert report.ratio(row, "lstmlab", "torch") == 1.0
    assert report.ratio(row, "lstmlab", "jax") is None
    assert report.spread([1.0, 1.0]) == 0.0
    assert report.spread([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(0.5)


def test_the_tables_in_both_readmes_are_those_of_the_results():
    found = report.results()
    whole = [line for each in found for line in report.machine_report(each)] or ["Not yet measured.", ""]
    for readme, lines in ((report.HERE / "README.md", whole), (report.FRONT, report.front_table(found))):
        text = readme.read_text(encoding="utf8")
        made = text.partition(report.BEGIN)[2].partition(report.END)[0]
        assert made == "\n" + "\n".join(lines)
    assert report.front_table([]) == ["Not yet measured.", ""]


def test_the_share_that_pytorch_reaches_is_of_the_same_peak():
    times = {"lstmlab": [4.0, 4.0], "torch": [2.0, 2.0]}
    run = {
        "peer": "torch",
        "peak": SMALL.forward_flops * 1.0,
        "sizes": [{"size": list(SMALL), "forward": times, "training": times}],
    }
    assert report.peers_share([run], "forward") == [0.5]
    assert report.peers_share([run], "training") == [1.5]
    assert report.peers_share([run | {"peer": "jax"}], "forward") == []
    assert report.peers_share([run, run | {"peer": "jax", "peak": SMALL.forward_flops * 2.0}], "forward") == [
        0.25
    ]


def test_nobody_is_far_above_the_peak():
    """A little is possible: the peak is that of one product in one library."""
    for found in report.results():
        for runs in report.by_setting(found).values():
            for kind in ("forward", "training"):
                assert max(row["of the peak"] for row in report.ratios(runs, kind)) <= 1.1
                assert max(report.peers_share(runs, kind), default=0.0) <= 1.1


def test_what_is_not_run_again_is_kept_if_the_machine_is_the_same():
    def run(threads, kernels, peer, mark):
        return {"threads": threads, "blas": [["openblas", kernels, threads]], "peer": peer, "mark": mark}

    here = {"machine": "M", "numpy": "2"}
    old = [run(1, "A", "torch", 0), run(1, "B", "torch", 1), run(2, "A", "torch", 2)]
    new = [run(1, "A", "torch", 3), run(1, "A", "jax", 4)]
    marks = [r["mark"] for r in command.together(here | {"runs": old}, here, new)]
    assert marks == [3, 4, 1, 2]
    assert command.together(here | {"runs": old, "numpy": "1"}, here, new) == new
    assert command.together({}, here, new) == new


def test_the_books_copy_is_that_of_the_results():
    assert report.BOOK.read_text(encoding="utf8") == report.book_copy(report.results())


def test_the_books_copy_has_every_ratio_of_the_table():
    def run(peer, times):
        row = {"lstmlab": [1.0, 1.0], "six equations": [4.0, 4.0], **({peer: times} if times else {})}
        both = {"forward": row | {"floor": [0.5, 0.5]}, "training": row}
        return {
            "peer": peer,
            "version": "9",
            "threads": 1,
            "blas": [["openblas", "Old", 1]],
            "peak": SMALL.forward_flops * 2.0,
            "sizes": [{"size": list(SMALL), **both}],
        }

    found = [{"machine": "M", "runs": [run("torch", [2.0, 2.0]), run("jax", [3.0, 3.0])]}]
    (machine,) = json.loads(report.book_copy(found))["machines"]
    (setting,) = machine["settings"]
    assert (setting["threads"], setting["kernels"]) == (1, "Old")
    assert setting["peers"] == {"PyTorch": "9", "JAX jit": "9"}
    assert setting["sizes"] == [list(SMALL)]
    want = {"of the peak": 0.5, "six equations": 0.25, "floor": 2.0, "torch": 0.5, "jax": 0.33, "spread": 0.0}
    assert setting["forward"] == [want]
    assert setting["training"] == [{n: v for n, v in want.items() if n != "floor"} | {"of the peak": 1.5}]
    assert json.loads(report.book_copy([])) == {"machines": []}


def test_stored_results_name_their_machine_and_kernels():
    for found in report.results():
        assert found["machine"]
        for run in found["runs"]:
            assert run["blas"]
            assert run["threads"] in (1, 2)
            assert all(size["difference"] < 1e-4 for size in run["sizes"])


def test_a_pass_holds_what_the_formula_says_and_little_more(monkeypatch):
    size = Size(8, 200, 16, 32)
    monkeypatch.setattr(memory, "SIZES", (size,))
    (row,) = memory.memory_table()
    assert row["formula"] == 4 * (200 * 8 * (6 * 32 + 16) + 2 * 8 * 32)  # and the first states
    assert 1.0 < row["fused"] / row["formula"] < 4.0
    assert 1.0 < row["plain"] / row["formula"] < 4.0
