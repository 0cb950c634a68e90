"""Self-check questions: every chapter has some, each can be answered, and the scripts keep what they should.

The form and the page are tried in a browser by tests/site/test_self_check_browser.py.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import notebooks as book
import pytest
from notebooks import CHAPTERS

STATIC = book.ROOT / "book" / "static"
SCRIPTS = ("course-progress.js", "self-check.js")
#: The one form of a question, which JupyterLab, VS Code, Colab and the site all render.
QUESTION = re.compile(
    r'<div class="self-check" id="(?P<id>check-[a-z0-9-]+)">\n\n'
    r"\*\*Predict first\.\*\* (?P<words>[^\n].*?)\n\n"
    r"(?P<choices>(?:- \*\*[a-e]\.\*\* [^\n]+\n)*)\n?"
    r"<details>\n<summary>The answer, and why</summary>\n\n"
    r"(?:\*\*(?P<right>[a-e])\.\*\* )?(?P<reason>[^\n].*?)\n\n"
    r"</details>\n\n</div>",
    re.S,
)

every_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=book.name)


class Question(NamedTuple):
    place: int
    id: str
    words: str
    choices: list[tuple[str, str]]
    right: str | None
    reason: str


def questions(path: Path) -> list[Question]:
    """The questions of a notebook; one in any other form fails."""
    found = []
    for place, cell in enumerate(book.read(path).cells):
        if cell.cell_type != "markdown" or "self-check" not in cell.source:
            continue
        match = QUESTION.fullmatch(cell.source)
        assert match, f"not in the form that CONTRIBUTING.md gives:\n{cell.source}"
        assert match["id"] == cell.id, "the cell and its question have one name"
        choices = re.findall(r"^- \*\*([a-e])\.\*\* (.+)$", match["choices"], re.M)
        found.append(Question(place, match["id"], match["words"], choices, match["right"], match["reason"]))
    return found


@every_chapter
def test_a_chapter_asks_before_it_measures(path: Path) -> None:
    asked = questions(path)
    assert 2 <= len(asked) <= 4
    cells = book.read(path).cells
    end = next(
        i
        for i, cell in enumerate(cells)
        if cell.cell_type == "markdown" and re.search("^## Summary", cell.source, re.M)
    )
    for question in asked:
        rest = cells[question.place + 1 : end]
        assert any(cell.cell_type == "code" for cell in rest), f"nothing is measured after {question.id}"
        assert "self-check" not in cells[question.place - 1].source, "one question at a time"


@every_chapter
def test_each_question_has_an_answer_and_a_reason(path: Path) -> None:
    for question in questions(path):
        letters = "".join(letter for letter, _ in question.choices)
        if letters:
            assert letters in ("ab", "abc", "abcd", "abcde"), question.id
            assert question.right is not None, question.id
            assert question.right in letters, question.id
            assert len({words for _, words in question.choices}) == len(letters), question.id
        else:
            assert question.right is None, f"an open prediction has no letter: {question.id}"
        assert len(question.reason.split()) >= 25, f"the reason is the point of it: {question.id}"
        evidence = r"\{eq\}`|\{glue:text\}`|\{numref\}`"
        assert re.search(evidence, question.reason), f"no equation and no number: {question.id}"


def test_names_are_unique_and_no_letter_gives_the_answer_away() -> None:
    asked = [question for path in CHAPTERS for question in questions(path)]
    assert len({question.id for question in asked}) == len(asked)
    right = Counter(question.right for question in asked if question.right)
    assert max(right.values()) < 0.5 * right.total()
    # Nor does length: the right choice is the longest no more often than chance would make it, twice over.
    longest = [q for q in asked if q.right and max(q.choices, key=lambda c: len(c[1]))[0] == q.right]
    assert len(longest) < 0.67 * right.total()


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_are_small_and_ask_for_nothing(name: str) -> None:
    source = (STATIC / name).read_text(encoding="utf8")
    assert len(source.encode()) <= 10_000
    assert not re.findall(r"(?:https?|wss?):|[\"'`]//|url\(", source)
    assert not re.findall(r"\b(?:import|export|require|fetch|XMLHttpRequest|WebSocket|sendBeacon)\b", source)


# ---------------------------------------------------------------------------------------------------
# What the scripts compute, without a page
# ---------------------------------------------------------------------------------------------------

Eval = Callable[[str], Any]


@pytest.fixture
def js() -> Iterator[Eval]:
    """Evaluate an expression beside both scripts; ``store`` is an empty storage, ``P`` the progress."""
    py_mini_racer = pytest.importorskip("py_mini_racer")
    with py_mini_racer.mini_racer() as context:
        for name in SCRIPTS:
            context.eval((STATIC / name).read_text(encoding="utf8"))
        context.eval("const P = courseProgress, store = P.memory();")
        yield lambda expression: json.loads(context.eval(f"JSON.stringify({expression} ?? null)"))


def test_the_letter_of_the_right_choice_is_read_from_the_answer(js: Eval) -> None:
    assert [js(f"selfCheck.letterOf({json.dumps(text)})") for text in ("b.", " c. x", "Half.", "f.")] == [
        "b",
        "c",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("right", "said", "words"),
    [
        ("b", "b", "Yes, b is right."),
        ("b", "a", "Not a: the answer is b."),
        ("b", "", "The answer is b."),
        ("", "twice", "Compare your line with the reason."),
        ("", "", "Here is the reason."),
    ],
)
def test_the_verdict(js: Eval, right: str, said: str, words: str) -> None:
    assert js(f"selfCheck.verdict({right!r}, {said!r})") == words


def test_an_answer_to_a_choice_that_is_gone_is_not_shown(js: Eval) -> None:
    assert js("selfCheck.restored({said: 'd'}, ['a', 'b'])") is None
    assert js("selfCheck.restored({said: 'b'}, ['a', 'b'])") == "b"
    assert js("selfCheck.restored({said: ''}, ['a', 'b'])") == ""
    assert js("selfCheck.restored({said: 'about ten'}, [])") == "about ten"
    assert js("selfCheck.restored(undefined, [])") is None


def test_a_chapter_is_recognised_in_any_address(js: Eval) -> None:
    for address in ("/book/part1/03_gates.html", "/C:/course/book/part1/03_gates.html", "part1/03_gates"):
        assert js(f"P.chapterOf({address!r})") == "part1/03_gates"
    for address in ("/book/index.html", "/book/part1/", "/book/api/cells.html"):
        assert js(f"P.chapterOf({address!r})") == ""


def test_what_was_kept_comes_back_and_nothing_else_does(js: Eval) -> None:
    assert js("P.load(store, 'part1/03_gates')") == {
        "read": False,
        "questions": 0,
        "answers": {},
        "left": None,
    }
    js("P.change(store, 'part1/03_gates', (r) => { r.read = true; r.questions = 3; })")
    js("P.change(store, 'part1/03_gates', (r) => { r.answers['check-x'] = {said: 'b'}; })")
    kept = js("P.load(store, 'part1/03_gates')")
    assert kept == {"read": True, "questions": 3, "answers": {"check-x": {"said": "b"}}, "left": None}
    assert js("P.chapters(store)") == ["part1/03_gates"]
    wild = {
        "read": 1,
        "questions": -3,
        "answers": {"check-y": {"said": 5}, "z": {"said": "a"}},
        "left": {"id": "a b"},
    }
    for text in (json.dumps(wild), "null", "[]", '"text"', "{", '{"answers": "abc", "left": 7}'):
        js(f"store.setItem(P.PREFIX + 'part1/03_gates', {text!r})")
        assert js("P.load(store, 'part1/03_gates')") == {
            "read": False,
            "questions": 0,
            "answers": {},
            "left": None,
        }


def test_a_full_or_refusing_storage_stops_nothing(js: Eval) -> None:
    refusing = "{getItem() { throw Error('no'); }, setItem() { throw Error('full'); }}"
    assert js(f"P.load({refusing}, 'part1/03_gates').read") is False
    assert js(f"P.change({refusing}, 'part1/03_gates', (r) => {{ r.read = true; }})") is None


@pytest.mark.parametrize(
    ("record", "mark", "words"),
    [
        ("{}", "", ""),
        (
            "{questions: 3, answers: {'check-a': {said: 'a'}, 'check-b': {said: ''}}}",
            "1/3",
            "1 of 3 questions answered",
        ),
        ("{read: true}", "✓", "read"),
        (
            "{read: true, questions: 1, answers: {'check-a': {said: 'a'}}}",
            "✓",
            "read, 1 of 1 questions answered",
        ),
    ],
)
def test_the_mark_in_the_sidebar(js: Eval, record: str, mark: str, words: str) -> None:
    assert js(f"P.summary(P.clean({record}))") == {"mark": mark, "words": words}


def test_progress_can_be_moved_and_forgotten(js: Eval) -> None:
    js("store.setItem('theme', 'dark')")
    js("P.change(store, 'part1/03_gates', (r) => { r.left = {id: 'bits', title: 'Bits', at: 5}; })")
    js("globalThis.other = P.memory(), globalThis.text = P.toText(store)")
    assert js("P.fromText(other, text)") == 1
    assert js("P.load(other, 'part1/03_gates')") == js("P.load(store, 'part1/03_gates')")
    js("P.forget(store)")
    assert js("P.chapters(store)") == []
    assert js("store.getItem('theme')") == "dark", "what others keep there is not ours to erase"
    for text in ("", "{}", '{"course": "another"}'):
        assert (
            js(f"(() => {{ try {{ return P.fromText(other, {text!r}); }} catch {{ return 'no'; }} }})()")
            == "no"
        )
    assert js('P.fromText(other, JSON.stringify({course: P.PREFIX, chapters: {"../x": {}}}))') == 0
