"""The check in the notebook: one clear sentence for whatever comes, and never a traceback."""

from dataclasses import replace

import numpy as np
import pytest
from handed_in import NAMES

import exercises
from exercises import check, source
from exercises.author import Mistake
from exercises.check import Check
from exercises.judge import judge, recognise
from exercises.source import find


@pytest.fixture
def toy_check(toy):
    return Check(toy)


def returns(change):
    """A function that computes the right thing and then changes it."""

    def blend(f, C, x):
        return change(f * C + (1.0 - f) * 2.0 * x)

    return blend


def in_place(f, C, x):
    C *= f
    return C + (1.0 - f) * 2.0 * x


def raises(f, C, x):
    raise ValueError("these do not fit")


def shape_error(f, C, x):
    return np.zeros((9, 9)) @ f


def ends(f, C, x):
    raise SystemExit(0)


FAULTS = {
    "nothing": (returns(lambda C: None), "it returns nothing (None). Is the `return` missing?"),
    "a list": (returns(lambda C: C.tolist()), "C_t is a list, expected an array of shape (1, 1)."),
    "a type of its own": (returns(lambda C: object()), "C_t is of the type object, expected an array"),
    "a text": (returns(lambda C: "C"), "C_t is a text, expected an array"),
    "another shape": (returns(lambda C: C[0]), "C_t has the shape (1,), expected (n_h, B) = (1, 1)."),
    "transposed": (returns(lambda C: C.T), "Is it transposed?"),
    "NaN": (returns(lambda C: C * np.nan), "C_t contains NaN (not a number) in 1 of 1 entries."),
    "infinity": (returns(lambda C: C / 0), "C_t contains infinity"),
    "whole numbers": (
        returns(lambda C: C.astype(int)),
        "has the type int64: the digits after the point are lost",
    ),
    "half precision": (
        returns(lambda C: C.astype(np.float16)),
        "C_t has the type float16, expected float64.",
    ),
    "complex": (returns(lambda C: C + 0j), "C_t has the type complex128, expected float64."),
    "objects": (returns(lambda C: C.astype(object)), "C_t has the type object, expected float64."),
    "texts": (returns(lambda C: C.astype(str)), "expected float64."),
    "in place": (in_place, "it changes its argument C in place; its caller still needs"),
    "an exception": (
        raises,
        'it raises ValueError in the line `raise ValueError("these do not fit")`: these do not fit',
    ),
    "a product": (
        shape_error,
        "it raises ValueError in the line `return np.zeros((9, 9)) @ f`: in a matrix product, 9 columns",
    ),
    "exit": (ends, "it raises SystemExit in the line"),
    "a number": (lambda f, C, x: 1.0, "C_t is a number, expected an array of shape (1, 1)."),
    "too few arguments": (lambda f: f, "it raises TypeError: "),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_said_in_a_sentence(fault, toy_check):
    function, words = FAULTS[fault]
    with np.errstate(all="ignore"):
        found = toy_check.verdict(1, function)
    assert found.state == "wrong"
    assert found.points == 0
    assert words in str(found), str(found)
    assert len(found.lines) <= 10
    assert found.mistake == "", "no listed mistake may be named"


def test_what_stands_in_a_message(toy_check):
    found = toy_check.verdict(1, lambda f, C, x: (1.0 - f) * C + f * 2.0 * x)
    first, equation, expected, got, case, looks, count, hint = found.lines
    assert first == "✗ Part 1, blend: C_t is wrong."
    assert equation == "  equation   C_t = f ⊙ C + (1 − f) ⊙ 2x"
    assert expected.startswith("  expected   C_t = [[")
    assert got.startswith("  got        C_t = [[")
    assert case.startswith("  on         B = 1, n_h = 1: f = [[")
    assert looks == "  It looks like this: the two shares are swapped."
    assert count == "  0 of 4 cases are right."
    assert hint == "  For a hint: check.hint(1)"


def test_the_numbers_in_a_message_are_those_of_the_case(toy, toy_check):
    case = toy.cases(1)[0].arguments
    found = str(toy_check.verdict(1, lambda f, C, x: 0 * f))
    want = case["f"] * case["C"] + (1 - case["f"]) * 2 * case["x"]
    assert f"expected   C_t = [[{want[0, 0]:.4g}]]" in found
    assert "got        C_t = [[0]]" in found


def test_a_large_output_is_not_printed_whole(toy, toy_check):
    def wrong_in_large(f, C, x):
        C_t = f * C + (1.0 - f) * 2.0 * x
        if C_t.size > 8:
            C_t[3, 2] += 1.0
        return C_t

    found = str(toy_check.verdict(1, wrong_in_large))
    assert "C_t = [[" in found  # 12 entries still are
    big = type(toy.part(1))(**{**vars(toy.part(1)), "sizes": [{"B": 9, "n_h": 9}]})
    exercise = source.Exercise("90_toy", toy.head, toy.cells, [big, toy.part(2)], toy.text)
    found = str(Check(exercise).verdict(1, wrong_in_large))
    assert "expected   C_t[3, 2] = " in found
    assert "(1 of 81 entries are wrong)" in found
    assert max(map(len, found.splitlines())) < 130


def test_two_mistakes_at_once_are_not_taken_for_one(toy_check):
    found = toy_check.verdict(1, lambda f, C, x: ((1.0 - f) * C + f * x) / C.shape[1])
    assert found.state == "wrong"
    assert found.mistake == ""


def test_a_mistake_that_two_share_is_not_named(toy):
    twice = [*toy.part(1).mistakes, toy.part(1).mistakes[0]]
    part = type(toy.part(1))(**{**vars(toy.part(1)), "mistakes": twice})
    exercise = source.Exercise("90_toy", toy.head, toy.cells, [part, toy.part(2)], toy.text)
    outcomes = exercise.outcomes(exercise.function(1, {1: twice[0]}), 1)
    assert judge(exercise, 1, outcomes).mistake == ""


def test_another_precision_is_right_with_a_note(toy_check):
    found = toy_check.verdict(1, returns(lambda C: C.astype(np.float32)))
    assert found.state == "right"
    assert "Note: from float64 inputs your result is float32" in str(found)


def stub(*arguments):
    raise NotImplementedError("task 1: blend old and new")


def test_a_later_part_can_be_done_without_an_earlier_one(toy, toy_check):
    names = {"blend": stub}
    exec(
        "def walk(f, C_0, x):\n    for x_t in x:\n        C_0 = blend(f, C_0, x_t)\n    return C_0, len(x)",
        names,
    )
    found = toy_check.verdict(2, names["walk"])
    assert (found.state, found.points) == ("right", 3)
    assert "Checked with the course's own part 1 (blend)" in str(found)
    assert names["blend"] is stub  # put back
    assert toy_check.verdict(1, stub).state == "untouched"


def test_a_part_with_a_fault_of_its_own_is_not_blamed_on_an_earlier_one(toy_check):
    names = {"blend": stub}
    exec(
        "def walk(f, C_0, x):\n    for x_t in x:\n        C = blend(f, C_0, x_t)\n    return C, len(x)", names
    )
    found = toy_check.verdict(2, names["walk"])
    assert found.state == "wrong"
    assert found.mistake == "every step starts from C_0 again."
    assert "Checked with the course's own part 1 (blend): yours differs." in str(found)


def test_a_part_that_fails_for_want_of_another_says_so(toy):
    part = type(toy.part(2))(**{**vars(toy.part(2)), "needs": [1]})
    exercise = source.Exercise("90_toy", toy.head, toy.cells, [toy.part(1), part], toy.text)
    outcome = {"error": {"type": "NotImplementedError", "message": "task 1: blend"}, "changed": []}
    found = judge(exercise, 2, [outcome] * len(exercise.cases(2)))
    assert found.state == "blocked"
    assert "calls blend of part 1, which is not written yet" in str(found)
    assert "blend = check.reference(1)" in str(found)


def test_the_reference_is_lent_and_earns_nothing(toy, toy_check):
    lent = toy_check.reference(1)
    case = toy.cases(1)[0].arguments
    np.testing.assert_array_equal(lent(*case.values()), toy.function(1)(*case.values()))
    found = toy_check.verdict(1, lent)
    assert found.points == 0
    assert "It gives no points" in str(found)


def test_hints_have_three_levels(toy_check, capsys):
    for level in (1, 2, 3, 3):
        toy_check.hint(1)
        assert (
            f"Hint {level} of 3 for part 1: {('one', 'two', 'three')[level - 1]}" in capsys.readouterr().out
        )
    toy_check.hint(1, 2)
    assert "Hint 2 of 3" in capsys.readouterr().out
    with pytest.raises(ValueError, match="level: expected 1, 2 or 3, got 4"):
        toy_check.hint(1, 4)


def test_progress_is_shown_and_kept(toy, toy_check, capsys):
    toy_check.part(1, toy.function(1))
    assert "■■□□□ 2 of 5 points; 1 point more by hand" in capsys.readouterr().out
    toy_check.part(1, stub)  # a later attempt that fails takes nothing away
    assert "■■□□□ 2 of 5 points" in capsys.readouterr().out
    assert toy_check.points(1) == 2.0
    toy_check.progress()
    said = capsys.readouterr().out
    assert "2 of 2" in said
    assert "not checked yet" in said


def test_what_is_no_function_is_said(toy_check):
    assert "expected your function blend, got ndarray" in str(toy_check.verdict(1, np.zeros(2)))
    with pytest.raises(ValueError, match="number: this exercise has the parts 1, 2, got 7"):
        toy_check.verdict(7, stub)
    with pytest.raises(ValueError, match=r"name: expected one of .*02_lstm_step.*, got 'lstm'"):
        exercises.start("lstm")


def test_numpy_on_another_librarys_arrays_is_explained(toy_check, monkeypatch):
    from lstmlab import get_xp, to_numpy

    xp = get_xp("strict")
    monkeypatch.setattr(check, "_mover", lambda: (xp.asarray, to_numpy))
    found = toy_check.verdict(1, lambda f, C, x: np.multiply(f, C) + (1.0 - f) * np.multiply(2.0, x))
    assert found.state == "wrong"
    assert "write xp.exp, not np.exp" in str(found)
    assert toy_check.verdict(1, lambda f, C, x: f * C + (1.0 - f) * 2.0 * x).state == "right"


def test_prints_of_the_function_do_not_flood_the_notebook(toy_check, capsys):
    toy_check.part(1, lambda f, C, x: print("x" * 10_000))
    assert "xxx" not in capsys.readouterr().out


@pytest.mark.parametrize("name", [name for name in NAMES if any(p.plot for p in find(name).parts)])
def test_a_mistake_in_a_plot_is_known_by_its_drawing_not_by_its_words(name):
    exercise = find(name)
    part = next(part for part in exercise.parts if part.plot)
    recognised = 0
    for mistake in part.mistakes:
        outcomes = exercise.outcomes(exercise.function(part.number, {part.number: mistake}), part.number)
        for outcome in outcomes:
            if "value" in outcome:
                words = ("xlabel", "ylabel", "title")
                outcome["value"].update({k: "my words" for k in words if outcome["value"].get(k)})
        recognised += judge(exercise, part.number, outcomes).mistake == mistake.says
    assert recognised == len(part.mistakes)


def test_a_mistake_that_raises_on_some_inputs_only_is_recognised(toy):
    part = replace(toy.part(1), mistakes=[Mistake("it stops", code="unused")], judge=None, plot=False)
    cases, want = toy.cases(1), toy.expected(1)
    error = {"error": {"type": "ZeroDivisionError", "message": "division by zero"}}
    sometimes, always = [error, *want[1:]], [error] * len(want)
    assert recognise(part, [sometimes], sometimes, cases, want) is part.mistakes[0]
    assert recognise(part, [always], always, cases, want) is None
