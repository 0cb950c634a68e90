"""The ledger of claims: nothing of the notes is missing, and whatever a row names is there and runs."""

import ast
import contextlib
import dataclasses
import functools
import importlib
import re
import subprocess
import sys

import notebooks as book
import numpy as np
import pytest
from test_equations import BOOK, labels_in

import claims
import lstmlab as ll
from lstmlab import diagnostics, xp

LEDGER = claims.load()
ROWS = {claim.id: claim for claim in LEDGER.claims}

#: The notes are not part of the repository; these numbers notice a row or a heading that was lost.
N_CLAIMS = 146
N_SECTIONS = 39
KEYS = re.compile(r"^@\w+\{([^,\s]+),", re.M)


def written(chapter):
    return (book.ROOT / f"{chapter}.ipynb").is_file()


def waits(chapter):
    """No file of this number is there yet, under whatever name."""
    number = chapter.rpartition("/")[2][:2]
    return not list((book.ROOT / "book").glob(f"part*/{number}_*.ipynb"))


def chapters_of(label):
    return [place.rpartition(".")[0] for place in BOOK.get(label, [])]


# --- Nothing is missing --------------------------------------------------------------------------------


def test_every_claim_of_the_notes_has_one_row():
    assert sorted(claim.id for claim in LEDGER.claims) == [f"n{k:03d}" for k in range(1, N_CLAIMS + 1)]


def test_every_section_of_the_notes_has_a_row():
    assert len(LEDGER.sections) == N_SECTIONS
    assert {claim.section for claim in LEDGER.claims} == set(LEDGER.sections)


def test_rows_stand_in_the_order_of_the_notes():
    order = list(LEDGER.sections)
    places = [order.index(claim.section) for claim in LEDGER.claims]
    assert places == sorted(places)


def test_every_equation_of_the_book_has_a_row_or_is_new():
    in_rows = {label for claim in LEDGER.claims for label in claim.label}
    new = {label for labels in LEDGER.new.values() for label in labels}
    assert not set(BOOK) - in_rows - new, "labelled in the book, and neither in a row nor under 'new'"
    assert not in_rows & new, "in a row, and yet called new"


def test_new_equations_stand_in_the_chapter_named():
    wrong = {
        label: chapter
        for chapter, labels in LEDGER.new.items()
        for label in labels
        if chapters_of(label) != [chapter] and not waits(chapter)
    }
    assert not wrong
    listed = [label for labels in LEDGER.new.values() for label in labels]
    assert len(set(listed)) == len(listed)


# --- What a row names is there -------------------------------------------------------------------------


@pytest.mark.parametrize("claim", LEDGER.claims, ids=lambda claim: claim.id)
def test_the_fields_fit_together(claim):
    assert claim.verdict in claims.VERDICTS
    assert claim.statement
    assert claim.evidence
    assert claim.chapter
    assert claim.correct or claim.verdict == "right", "what holds instead?"
    assert claim.test or claim.source, "neither a test nor a work stands behind the verdict"
    assert claim.function or not claim.test
    for field in dataclasses.fields(claim):
        value = getattr(claim, field.name)
        assert isinstance(value, tuple) == str(field.type).startswith("tuple"), field.name
        assert not isinstance(value, tuple) or len(set(value)) == len(value), field.name
    for text in (claim.statement, claim.correct, claim.evidence):
        assert text.count("$") % 2 == 0, text


def named(field):
    """Every row with every name in one of its fields."""
    return [(claim, name) for claim in LEDGER.claims for name in getattr(claim, field)]


def test_chapters_are_there():
    missing = {
        f"{claim.id} {name}" for claim, name in named("chapter") if not written(name) and not claim.pending
    }
    assert not missing


def test_a_row_is_pending_only_while_its_chapter_is_not_written():
    for claim in LEDGER.claims:
        missing = [name for name in claim.chapter if not written(name)]
        if claim.pending:
            assert missing, f"{claim.id}: all chapters are written: take 'pending' away, name the equations"
            assert all(map(waits, missing)), f"{claim.id}: a chapter of this number is written: name it"


def test_labels_are_there_and_in_the_chapters_named():
    here = [(claim, label) for claim, label in named("label") if not claim.pending]
    assert not {f"{claim.id} {label}" for claim, label in here if label not in BOOK}
    elsewhere = {
        f"{claim.id} {label}: {BOOK[label]}"
        for claim, label in named("label")
        if not set(chapters_of(label)) <= set(claim.chapter)
    }
    assert not elsewhere


def test_functions_are_there():
    assert not {f"{claim.id} {name}" for claim, name in named("function") if not callable(found(name))}


def found(name):
    """Import the longest module in a dotted name and follow the rest; ``None`` where that leads nowhere."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        with contextlib.suppress(ModuleNotFoundError):
            thing = importlib.import_module(".".join(parts[:cut]))
            for part in parts[cut:]:
                thing = getattr(thing, part, None)
            return thing if parts[0] == "lstmlab" else None
    return None


def test_names_that_lead_nowhere_are_found_out():
    assert found("lstmlab.cells.gates.forget_gate") is ll.cells.gates.forget_gate
    assert found("lstmlab.models.seq2seq.Seq2Seq.encode") is not None
    for name in ("lstmlab.cells.gates.remember_gate", "lstmlab.no.such", "math.exp", "lstmlab.tanh.no.more"):
        assert found(name) is None


def test_experiments_have_a_result_and_works_are_in_the_bibliography():
    results = {path.stem for path in (book.ROOT / "experiments" / "results").glob("*.json")}
    works = set(KEYS.findall((book.ROOT / "book" / "references.bib").read_text(encoding="utf8")))
    assert not {f"{claim.id} {name}" for claim, name in named("experiment") if name not in results}
    assert not {f"{claim.id} {name}" for claim, name in named("source") if name not in works}


def test_tests_are_there_and_run():
    answers = {f"{claim.id} {name}": trouble(*name.split("::")) for claim, name in named("test")}
    assert not {name: answer for name, answer in answers.items() if answer}


#: What leaves a test out, always or on some machines.
OWN = re.compile(r"pytest\.importorskip\(f?'lstmlab\.")
LEFT_OUT = {"skip", "skipif", "xfail", "importorskip", "gpu", "site"}


@functools.cache
def parsed(path):
    return ast.parse((book.ROOT / path).read_text(encoding="utf8"))


def names(node):
    return {n.attr if isinstance(n, ast.Attribute) else getattr(n, "id", "") for n in outside_package(node)}


def outside_package(node):
    """Walk, but not into ``pytest.importorskip("lstmlab.…")``: the package itself is always there."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.Call) and OWN.match(ast.unparse(child))):
            yield from outside_package(child)


def trouble(path, name):
    """Say why ``make test`` would not run a test, or ``None``."""
    file = book.ROOT / path
    if not (path.startswith("tests/") and file.name.startswith("test_") and file.is_file()):
        return "no such file"
    tree = parsed(path)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if name not in functions or not name.startswith("test_"):
        return "no such test"
    outside = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    if any(LEFT_OUT & names(node) for node in [functions[name], *outside]):
        return "it is left out, at least on some machines"
    return None


@pytest.mark.parametrize(
    ("path", "name", "answer"),
    [
        ("tests/book/test_claims.py", "test_chapters_are_there", None),
        ("tests/book/test_claims.py", "test_never_written", "no such test"),
        ("tests/book/test_claims.py", "names", "no such test"),
        ("tests/book/test_no.py", "test_a", "no such file"),
        ("lstmlab/test_no.py", "test_a", "no such file"),
        ("tests/lstmlab/test_lstm.py", "test_link_gate", None),
        ("tests/lstmlab/test_oracle.py", "test_live", "it is left out, at least on some machines"),
        (
            "tests/site/test_links.py",
            "test_every_image_says_something",
            "it is left out, at least on some machines",
        ),
    ],
)
def test_a_test_that_does_not_run_is_found_out(path, name, answer):
    assert trouble(path, name) == answer


def test_pytest_itself_finds_the_tests():
    """Asked by name: it fails where one is not collected, in whatever way it is made."""
    wanted = sorted({name for claim in LEDGER.claims for name in claim.test})
    options = ("-q", "--collect-only", "-p", "no:cacheprovider", "-p", "no:randomly")
    command = [sys.executable, "-m", "pytest", *options, *wanted]
    done = subprocess.run(command, cwd=book.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    collected = {line.partition("[")[0].strip() for line in done.stdout.splitlines() if "::" in line}
    assert collected >= set(wanted)


# --- The page ------------------------------------------------------------------------------------------


def test_the_page_has_every_row_once_and_every_heading():
    text = claims.page(LEDGER, {chapter for claim in LEDGER.claims for chapter in claim.chapter})
    for claim in LEDGER.claims:
        assert text.count(f":name: {claim.anchor}\n") == 1
        assert text.count(f"{{ref}}`{claim.number} <{claim.anchor}>`") == 1
    for title in LEDGER.sections.values():
        assert f"\n### {title}\n" in text
    assert {label for labels in LEDGER.new.values() for label in labels} <= set(
        re.findall(r"`(eq-[\w-]+)`", text)
    )
    assert labels_in(text) == []


def test_a_row_links_every_way():
    row = dataclasses.replace(ROWS["n005"], chapter=("a/b",), experiment=("E1",))
    text = "\n".join(claims.card(row, {"a/b"}))
    for part in (
        "{container} claim verdict-right",
        ":name: claim-n005",
        row.statement,
        row.correct,
        "{doc}`/a/b`",
        "{eq}`eq-forget-gate`",
        "{py:obj}`~lstmlab.cells.gates.forget_gate`",
        "{doc}`E1 </book/experiments>`",
        "{cite:t}`gers2000learning`",
        "test_lstm.py::",
    ):
        assert part in text
    assert "{doc}`/a/b`" not in "\n".join(claims.card(row, set()))


def test_formulas_and_stress_become_nodes():
    parts = [(type(node).__name__, node.astext()) for node in claims.inline(r"a $x_t$ of *one* and $2 * 3$")]
    assert parts == [
        ("Text", "a "),
        ("math", "x_t"),
        ("Text", " of "),
        ("emphasis", "one"),
        ("Text", " and "),
        ("math", "2 * 3"),
    ]


def test_the_script_is_small_and_asks_for_nothing():
    script = (book.ROOT / "book" / "static" / "claims.js").read_text(encoding="utf8")
    assert len(script.encode()) < 4000
    assert not re.search(r"https?:|import\b|fetch\(|eval\(|innerHTML|Storage", script)
    assert '"role", "status"' in script


# --- Sums that rows rest on and no other test does -----------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "gate", "squashed"),
    [("float16", 7.625, 4.508), ("float32", 16.636, 10.0), ("float64", 36.737, 18.990)],
)
def test_a_gate_rounds_to_one_from_here_on(dtype, gate, squashed):
    for function, first in ((ll.sigmoid, gate), (ll.tanh, squashed)):
        below, above = (np.asarray([first * factor], dtype=dtype) for factor in (0.95, 1.05))
        assert function(below)[0] < 1.0
        assert function(above)[0] == 1.0


def test_a_forget_bias_of_one_keeps_little():
    f = ll.sigmoid(xp.ones((50, 1)))
    kept = ll.to_numpy(diagnostics.retention(f))[:, 0]
    assert float(f[0, 0]) == pytest.approx(0.7311, abs=1e-4)
    assert float(diagnostics.half_life(f)[0, 0]) == pytest.approx(2.21, abs=0.01)
    assert kept[19] == pytest.approx(0.002, abs=2e-4)
    assert kept[49] == pytest.approx(1.6e-7, rel=0.03)


def test_how_fast_a_gate_must_approach_one():
    t = xp.astype(xp.arange(2, 1002)[:, None], xp.float64)
    harmonic, square = (ll.to_numpy(diagnostics.retention(1.0 - 1.0 / t**p))[:, 0] for p in (1, 2))
    np.testing.assert_allclose(harmonic, 1.0 / ll.to_numpy(t)[:, 0], rtol=1e-10)
    assert square[-1] == pytest.approx(0.5, abs=1e-3)
    constant = ll.to_numpy(diagnostics.retention(xp.full((1000, 1), 0.99)))[:, 0]
    assert constant[99] == pytest.approx(0.37, abs=0.005)
    assert constant[999] == pytest.approx(4e-5, rel=0.1)


def test_the_length_of_the_gates_is_not_their_norm():
    f = 0.9 * xp.ones(256)
    assert float(xp.sum(f**2) ** 0.5) == pytest.approx(14.4)
    assert diagnostics.spectral_norm(diagnostics.direct_path(f)) == pytest.approx(0.9)
