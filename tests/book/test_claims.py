"""The ledger of claims: nothing of the notes is missing, and whatever a row names is there and runs."""

import dataclasses
import re
import subprocess
import sys

import notebooks as book
import numpy as np
import pytest
from test_equations import BOOK, labels_in

import claims
import leads
import lstmlab as ll
import plain_labels
from lstmlab import diagnostics, xp

LEDGER = claims.load()
ROWS = {claim.id: claim for claim in LEDGER.claims}

#: The notes are not part of the repository; these numbers notice a row or a heading that was lost.
N_CLAIMS = 147
N_SECTIONS = 39
KEYS = re.compile(r"^@\w+\{([^,\s]+),", re.M)


def waits(chapter):
    """No file of this number is there yet, under whatever name."""
    number = chapter.rpartition("/")[2][:2]
    return not list((book.ROOT / "book").glob(f"part*/{number}_*.ipynb"))


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
        if leads.chapters_of(label) != [chapter] and not waits(chapter)
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
    assert claim.correct or claim.verdict == "right", "what holds instead?"
    for field in dataclasses.fields(claim):
        value = getattr(claim, field.name)
        assert isinstance(value, tuple) == str(field.type).startswith("tuple"), field.name
        assert not isinstance(value, tuple) or len(set(value)) == len(value), field.name
    for text in (claim.statement, claim.correct, claim.evidence):
        assert text.count("$") % 2 == 0, text


def named(field):
    """Every row with every name in one of its fields."""
    return [(claim, name) for claim in LEDGER.claims for name in getattr(claim, field)]


def test_each_row_leads_to_a_chapter_a_function_and_a_test_and_every_name_is_there():
    assert not [fault for claim in LEDGER.claims for fault in leads.faults(claim)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"chapter": ("book/part1/02_six_equations", "book/part9/99_none")},
            "no such chapter: book/part9/99",
        ),
        ({"chapter": ("book/part1/03_gates",)}, "eq-forget-gate is numbered in book/part1/02_six_equations"),
        ({"label": ("eq-never",)}, "no such label: eq-never"),
        ({"function": ("lstmlab.cells.gates.remember_gate",)}, "no such function: lstmlab.cells.gates.rem"),
        ({"test": ("tests/lstmlab/test_lstm.py::test_never",)}, "test_never: no such test"),
        ({"test": ()}, "names no test"),
        ({"function": ()}, "names no function"),
    ],
)
def test_a_name_that_leads_nowhere_is_found_out(change, said):
    (fault,) = leads.faults(dataclasses.replace(ROWS["n005"], **change))
    assert fault.startswith("n005: ")
    assert said in fault


def test_a_row_is_pending_only_while_its_chapter_is_not_written():
    for claim in LEDGER.claims:
        missing = [name for name in claim.chapter if not leads.written(name)]
        if claim.pending:
            assert missing, f"{claim.id}: all chapters are written: take 'pending' away, name the equations"
            assert all(map(waits, missing)), f"{claim.id}: a chapter of this number is written: name it"


def test_names_of_functions_are_followed():
    assert leads.function("lstmlab.cells.gates.forget_gate") is ll.cells.gates.forget_gate
    assert leads.function("lstmlab.models.seq2seq.Seq2Seq.encode") is not None
    for name in ("lstmlab.cells.gates.remember_gate", "lstmlab.no.such", "math.exp", "lstmlab.tanh.no.more"):
        assert leads.function(name) is None


def test_experiments_have_a_result_and_works_are_in_the_bibliography():
    results = {path.stem for path in (book.ROOT / "experiments" / "results").glob("*.json")}
    works = set(KEYS.findall((book.ROOT / "book" / "references.bib").read_text(encoding="utf8")))
    assert not {f"{claim.id} {name}" for claim, name in named("experiment") if name not in results}
    assert not {f"{claim.id} {name}" for claim, name in named("source") if name not in works}


@pytest.mark.parametrize(
    ("path", "name", "answer"),
    [
        ("tests/book/test_claims.py", "test_the_fields_fit_together", None),
        ("tests/book/test_claims.py", "test_never_written", "no such test"),
        ("tests/book/test_claims.py", "named", "no such test"),
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
    assert leads.trouble(path, name) == answer


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


@pytest.mark.parametrize("row", ["n001", "n002"])
def test_who_and_when_is_what_the_works_say(row):
    """The years are those of the works; whoever is named wrote one of them."""
    said = f"{ROWS[row].statement} {ROWS[row].correct}"
    entries = plain_labels.Labels(book.ROOT).sources.entries
    works = [entries[key] for key in ROWS[row].source]
    assert set(re.findall(r"\b(?:19|20)\d\d\b", said)) == {work.fields["year"] for work in works}
    people, everybody = (
        {name for work in some for person in work.persons["author"] for name in person.last_names}
        for some in (works, [work for work in entries.values() if "author" in work.persons])
    )
    assert {"Schmidhuber"} < set(re.findall(r"\w+", said)) & everybody <= people


def test_the_lstm_names_the_papers_it_comes_from():
    assert "Hochreiter and Schmidhuber (1997); Gers, Schmidhuber and Cummins (2000)" in ll.LSTM.__doc__


def test_the_length_of_the_gates_is_not_their_norm():
    f = 0.9 * xp.ones(256)
    assert float(xp.sum(f**2) ** 0.5) == pytest.approx(14.4)
    assert diagnostics.spectral_norm(diagnostics.direct_path(f)) == pytest.approx(0.9)
