"""The table of costs: that of the record, within its limits, and true of what can be measured in a second."""

import json

import pytest

import budget

RECORD = budget.record()


def test_the_page_shows_the_record():
    (shown,) = budget.TABLE.findall(budget.PAGE.read_text(encoding="utf8"))
    assert shown == budget.table(RECORD["costs"]), "run tools/budget.py"


@pytest.mark.parametrize("cost", budget.COSTS, ids=lambda cost: cost.key)
def test_no_cost_is_above_its_limit_and_no_limit_is_idle(cost):
    spent = RECORD["costs"][cost.key]
    assert spent <= cost.limit, f"{cost.words}: {spent} {cost.unit}"
    assert cost.limit <= 4 * spent, f"{cost.words}: a limit of {cost.limit} {cost.unit} would notice nothing"


def test_lstmlab_is_imported_within_its_limit():
    """Processor time, the least of three runs, and twice the limit: a busy machine fails nothing.

    Nor does a slow one: where NumPy takes longer than in the record, so may lstmlab.
    """
    empty, numpy, lstmlab = (
        min(budget.starts(code, 3)) for code in ("pass", "import numpy", "import lstmlab")
    )
    (limit,) = (cost.limit for cost in budget.COSTS if cost.key == "lstmlab")
    slower = max(1.0, 1e3 * (numpy - empty) / RECORD["costs"]["numpy"])
    assert 1e3 * (lstmlab - numpy) <= 2 * slower * limit, (
        "python -X importtime -c 'import lstmlab' says what takes long"
    )


def test_a_site_is_weighed(tmp_path):
    (tmp_path / "static").mkdir()
    for name, size in (("static/course.js", 3000), ("static/theme.js", 5000), ("other.txt", 91_400)):
        (tmp_path / name).write_bytes(b"x" * size)
    script = '<script src="static/course.js?v=1"></script>'
    (tmp_path / "a.html").write_text(script + '<script defer src="static/theme.js">' + " " * 100)
    (tmp_path / "b.html").write_text(script + script + '<script src="https://example.org/x.js">' + " " * 400)
    weighed = budget.weights(tmp_path)
    assert weighed == {
        "site": pytest.approx(0.1, rel=0.01),
        "page": pytest.approx(0.53, abs=0.01),
        "scripts": 8.0,
        "own": 3.0,
    }


def test_a_measurement_goes_into_the_record_and_the_table(tmp_path, monkeypatch, capsys):
    record, page, steps = tmp_path / "budget.json", tmp_path / "page.md", tmp_path / "times.json"
    record.write_text(json.dumps(RECORD), encoding="utf8")
    page.write_text(f"Before\n\n<!-- budget -->\n{budget.table(RECORD['costs'])}<!-- end of the budget -->\n")
    steps.write_text(json.dumps({"lint": 6.0, "site": 300.0}), encoding="utf8")
    for name, value in (("RECORD", record), ("PAGE", page), ("STEPS", steps), ("REPORTS", tmp_path)):
        monkeypatch.setattr(budget, name, value)
    monkeypatch.setattr(budget, "HTML", tmp_path / "none")
    monkeypatch.setattr(budget, "imports", lambda: {"numpy": 99.04, "lstmlab": 77.0})
    assert budget.main([]) == 0
    costs = budget.record()["costs"]
    assert (costs["test"], costs["numpy"], costs["site"]) == (5.1, 99.0, RECORD["costs"]["site"])
    text = page.read_text(encoding="utf8")
    assert text.startswith("Before\n\n<!-- budget -->\n| |")
    assert "| `make test` | 5.1 min | " in text
    assert budget.table(costs).strip() in capsys.readouterr().out
