"""The trace of the notes: complete on both sides, and a script that notices what does not fit."""

import dataclasses
import re

import pytest

import claims
import trace_notes
from trace_notes import Line, digest

LEDGER = claims.load()
TRACE = trace_notes.load_trace(trace_notes.DATA)


def test_every_line_leads_to_rows_and_every_row_is_led_to():
    assert not list(trace_notes.gaps(TRACE, LEDGER))
    assert len(TRACE) == 450


def test_no_word_of_the_notes_is_stored():
    entries = [line for line in trace_notes.DATA.read_text(encoding="utf8").splitlines() if line[:1] == " "]
    kinds = "|".join(trace_notes.KINDS)
    assert len(entries) == len(TRACE)
    assert all(
        re.fullmatch(rf"  \d+ [0-9a-f]{{10}}(?: (?:{kinds}))?(?: n\d{{3}})*", line) for line in entries
    )


@pytest.mark.parametrize(
    ("number", "change", "said"),
    [
        (7, {"rows": ()}, "line 7, section 2 (cell-architecture): leads to no row"),
        (7, {"rows": ("n999",)}, "line 7, section 2 (cell-architecture): no such row: n999"),
        (
            7,
            {"kind": "fence"},
            "line 7, section 2 (cell-architecture): a fence claims nothing, and leads to n005",
        ),
        (7, {"kind": "remark", "rows": ()}, "line 7, section 2 (cell-architecture): no such kind: remark"),
        (79, {"rows": ()}, "n038: no line of section 7 (gradient-computation) leads to it"),
        (7, {"section": "no-such"}, "line 7, section unknown (no-such): no such section"),
        (7, {"number": 8}, "lines: expected the numbers from 1 on in their order"),
    ],
)
def test_a_gap_is_named(number, change, said):
    changed = [line._replace(**change) if line.number == number else line for line in TRACE]
    words = list(trace_notes.gaps(changed, LEDGER))
    assert any(said in word for word in words), words


def test_a_section_left_out_is_named():
    fewer = [line for line in TRACE if line.section != "stability"]
    said = "\n".join(trace_notes.gaps(fewer, LEDGER))
    assert "left out: 26 (stability)" in said
    assert "section 26 (stability): no line of it claims anything" in said
    assert "n099: no line of section 26 (stability) leads to it" in said


# --- Made-up notes ---------------------------------------------------------------------------------------

NOTES = """\
# Tea

Tea is made of leaves.

## Making it
### Water

**The law:**
```
hot = water   # never cold
```
### Leaves
Where:
- **one**: a spoon
"""
KINDS = ["title", "", "part", "section", "caption", "fence", "", "fence", "section", "caption", ""]
SECTIONS = ["tea"] * 2 + ["water"] * 6 + ["leaves"] * 3
ROWS = {2: ("n001",), 4: ("n004",), 7: ("n002",), 11: ("n003", "n001")}


@pytest.fixture
def traced(tmp_path, monkeypatch):
    """Run the script on a text with data made for the notes above, and a ledger of four rows."""
    model = next(claim for claim in LEDGER.claims if claim.id == "n005")
    rows = {"n001": "tea", "n002": "water", "n004": "water", "n003": "leaves"}
    ledger = claims.Ledger(
        {"Introduction": {"tea": "Opening paragraph"}, "Making it": {"water": "Water", "leaves": "Leaves"}},
        [
            dataclasses.replace(model, id=k, section=section, verdict="missing" if k == "n004" else "right")
            for k, section in rows.items()
        ],
        {},
    )
    words = [line for line in NOTES.splitlines() if line]
    data = [
        Line(n, digest(line), kind, ROWS.get(n, ()), section)
        for n, (line, kind, section) in enumerate(zip(words, KINDS, SECTIONS, strict=True), 1)
    ]
    monkeypatch.setattr(trace_notes, "load", lambda: ledger)
    monkeypatch.setattr(trace_notes, "load_trace", lambda path: data)

    def run(text, *options):
        notes = tmp_path / "notes.md"
        notes.write_text(text, encoding="utf8")
        return trace_notes.main([str(notes), *options])

    return run


def test_kinds_are_read_from_the_lines():
    assert [read.kind for read in trace_notes.read_notes(NOTES)] == KINDS


def test_notes_that_fit_pass_and_are_printed(traced, capsys):
    assert traced(NOTES) == 0
    said = capsys.readouterr().out
    assert "1 Opening paragraph" in said
    assert (
        "    7  claim    n002 | part1/02_six_equations | eq-forget-gate | cells.gates.forget_gate | " in said
    )
    assert "    4  section  n004 | " in said
    assert said.endswith("11 lines, 3 of them claims, 3 sections, 4 rows: all traced\n")
    assert traced(NOTES.replace("hot = water", "  hot =  water"), "--quiet") == 0, "spaces do not count"
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "of leaves",
            "of roots",
            ["line 2, section 1 (tea): not in", "line 2 (line 3 of the file), section 1"],
        ),
        ("- **one**", "- two\n- **one**", ["line 11 (line 14 of the file), section 3 (leaves): not traced"]),
        ("hot = water   # never cold\n", "", ["line 7, section 2 (water): not in the notes"]),
        ("### Leaves\nWhere:\n- **one**: a spoon\n", "", ["line 9, section 3 (leaves): not in the notes"]),
    ],
)
def test_changed_notes_fail_where_they_changed(traced, capsys, old, new, said):
    assert traced(NOTES.replace(old, new), "--quiet") == 1
    out = capsys.readouterr().out
    assert all(words in out for words in said), out


def test_a_line_cannot_be_called_what_it_is_not(traced, monkeypatch, capsys):
    made = trace_notes.load_trace(trace_notes.DATA)
    data = [line._replace(kind="caption", rows=()) if line.number == 2 else line for line in made]
    monkeypatch.setattr(trace_notes, "load_trace", lambda path: data)
    assert traced(NOTES, "--quiet") == 1
    assert "line 2: is called caption, and is a claim" in capsys.readouterr().out


def test_a_row_that_leads_nowhere_fails(traced, monkeypatch, capsys):
    ledger = trace_notes.load()
    broken = dataclasses.replace(ledger.claims[0], function=("lstmlab.cells.gates.remember_gate",))
    monkeypatch.setattr(trace_notes, "load", lambda: ledger._replace(claims=[broken, *ledger.claims[1:]]))
    assert traced(NOTES, "--quiet") == 1
    assert "n001: no such function: lstmlab.cells.gates.remember_gate" in capsys.readouterr().out


def test_a_file_that_is_not_there_is_named(capsys):
    with pytest.raises(SystemExit):
        trace_notes.main(["no_such_notes.md"])
    assert "notes: no such file: no_such_notes.md" in capsys.readouterr().err
