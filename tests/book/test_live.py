"""The numbers of the first page are counted, and none is typed."""

import re

import notebooks as book
import pytest
from test_equations import BOOK

import claims
import live

NUMBERS = live.numbers(book.ROOT)
INDEX = (book.ROOT / "book" / "index.md").read_text(encoding="utf8")


def test_they_are_what_other_pages_say():
    assert NUMBERS["equations"] == str(len(BOOK))
    rows = claims.load().claims
    assert NUMBERS["claims"] == str(len(rows)) == str(sum(int(NUMBERS[kind]) for kind in live.KINDS))
    table = (book.ROOT / live.WITNESSES).read_text(encoding="utf8")
    assert NUMBERS["mutants"] == str(sum(map(int, re.findall(r"\{dropdown\} [^:\n]+: (\d+)", table))))
    cells = [
        line.split(" | ") for line in table.splitlines() if line.startswith("| ") and "| cell |" not in line
    ]
    cells = [row for row in cells if len(row) == 5 and row[0] != "| cell"]
    assert NUMBERS["cells"] == str(len(cells))
    # The text beside it says what the tests allow.
    assert max(float(row[2]) for row in cells) <= 1e-7


def test_an_error_in_float32_is_not_taken_for_one_in_float64(tmp_path):
    for path in ("lstmlab", "tests", "experiments/results", "book"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "book" / "claims.yml").write_text("claims: []\nsections: []\nnew: {}\n")
    row = "| {} | {{eq}}`eq-a` | {} | {} | 0 |\n"
    rows = row.format("A", "1e-09", "JAX: 1e-15<br>ONNX Runtime, forward, float32: 1e-06")
    rows += row.format("B", "1e-08", "–") + row.format("C", "1e-10", "PyTorch: 1e-13")
    (tmp_path / live.WITNESSES).write_text(
        f"| cell | e | f | o | s |\n|---|---|---|---|---|\n{rows}\nThere are 3.\n"
    )
    found = live.numbers(tmp_path)
    assert found["cells"] == "3"
    assert found["oracles"] == "2"
    assert found["gradient-error"] == "10⁻⁸"
    assert found["oracle-error"] == "10⁻¹³"
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(FileNotFoundError):
        live.numbers(tmp_path / "elsewhere")


def test_the_first_page_types_no_number_of_its_own():
    trust = INDEX[INDEX.index("{container} facts") : INDEX.index("Here is one LSTM unit")]
    trust += INDEX[INDEX.index("## Why you can trust it") : INDEX.index("## What is here")]
    assert not re.search(r"\d", re.sub(r"\{live(-word)?\}`[\w-]+`", "", trust))
    used = re.findall(r"\{live(?:-word)?\}`([\w-]+)`", INDEX)
    assert used
    assert set(used) <= set(NUMBERS)
