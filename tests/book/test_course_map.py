"""The map of the course: what chapters say they need, no circle, and nobody needs what comes later."""

import itertools

import notebooks as book
import pytest
from bs4 import BeautifulSoup

import course_map
import map_drawing
from course_map import Chapter

CHAPTERS = course_map.read(book.ROOT)
BEFORE = {number: course_map.before(CHAPTERS, number) for number in CHAPTERS}


def chapters(needs):
    return {n: Chapter(n, f"book/part1/{n:02}_a", "A", "I One", set(needed)) for n, needed in needs.items()}


@pytest.mark.parametrize(
    ("said", "needed"),
    [
        ("**You need** matrices. No recurrent networks.", set()),
        ("**You need** {doc}`01_a` and {doc}`the gates <../part1/03_c>`.", {1, 3}),
        ("**You need** chapters 1 to 3, and chapter 5 (the {term}`cell state`).", {1, 2, 3, 5}),
        ("**You need** chapters 1, 2 and\n4.", {1, 2, 4}),
        (
            "**You need** what part I says. Part II is not needed, nor is {doc}`chapter 5 <../part2/05_e>`.",
            {1, 2, 3},
        ),
        ("**You need** $z_t = a.b$ of chapter 2.\n\n**Time** chapter 4.", {2}),
        ("You need chapter 1.", set()),
    ],
)
def test_the_sentence_is_read(said, needed):
    parts = {1: "I One", 2: "I One", 3: "I One", 4: "II Two", 5: "II Two"}
    known = {n: Chapter(n, f"book/part1/{n:02}_a", "A", part) for n, part in parts.items()}
    assert course_map.needs(f"# A\n\n{said}\n\nMore of chapter 5.", known) == needed


def test_every_chapter_is_on_the_map_and_says_what_it_needs():
    documents = [path.relative_to(book.ROOT).with_suffix("").as_posix() for path in book.CHAPTERS]
    assert [chapter.document for chapter in CHAPTERS.values()] == documents
    assert all("**You need**" in book.markdown(path) for path in book.CHAPTERS)
    assert [n for n, chapter in CHAPTERS.items() if not chapter.needs] == [1], "only the first needs no other"


def test_no_chapter_needs_a_later_one():
    late = {n: chapter.needs for n, chapter in CHAPTERS.items() if any(m >= n for m in chapter.needs)}
    assert not late
    assert all(
        m < n < k for n, c in CHAPTERS.items() for m, k in itertools.product(c.uses or {0}, c.ahead or {99})
    )


def test_a_circle_is_found():
    with pytest.raises(ValueError, match=r"need each other: \[2, 3\]"):
        map_drawing.rows(chapters({1: (), 2: (1, 3), 3: (2,)}))


def test_what_follows_from_other_needs():
    known = chapters({1: (), 2: (1,), 3: (1, 2), 4: (1, 3)})
    assert course_map.implied(known) == {(1, 3), (1, 4)}
    assert course_map.before(known, 4) == {1, 2, 3}
    assert map_drawing.rows(known) == [[1], [2], [3], [4]]


@pytest.fixture(scope="module")
def drawing():
    implied = course_map.implied(CHAPTERS)
    text = map_drawing.page(CHAPTERS, BEFORE, implied, {n: f"{n}.html" for n in CHAPTERS})
    return BeautifulSoup(text, "html.parser")


@pytest.mark.parametrize("form", ["desk", "phone"])
def test_the_lines_are_the_references(drawing, form):
    lines = [
        (*map(int, line["data-edge"].split("-")), line["class"][0])
        for line in drawing.select(f"svg.{form} path")
    ]
    assert len(lines) == len(set(lines))
    assert set(lines) == set().union(*(chapter.edges for chapter in CHAPTERS.values()))
    boxes = drawing.select(f"svg.{form} a")
    assert [box["href"] for box in boxes] == [f"{n}.html" for n in CHAPTERS]
    for box, chapter in zip(boxes, CHAPTERS.values(), strict=True):
        assert chapter.title in box["aria-label"]
        assert all(str(n) in box["aria-label"] for n in chapter.needs)


def test_the_way_to_a_chapter_is_a_whole_way(drawing):
    """All chapters before it light up, and lines enough to reach it from the first."""
    for number in CHAPTERS:
        lit = drawing.select(f"svg.desk path.on-{number}")
        ends = [tuple(map(int, line["data-edge"].split("-"))) for line in lit]
        assert {n for pair in ends for n in pair} | {number} == BEFORE[number] | {number}
        boxes = drawing.select(f"svg.desk a.on-{number}")
        assert {int(box["href"].removesuffix(".html")) for box in boxes} == BEFORE[number]
        reached = {n for n in CHAPTERS if not CHAPTERS[n].needs}
        for first, last in sorted(ends):
            reached |= {last} if first in reached else set()
        assert number in reached


def test_no_two_chapters_stand_in_one_place_and_needs_are_above():
    place = map_drawing.places(CHAPTERS, course_map.implied(CHAPTERS))
    assert len(set(place.values())) == len(CHAPTERS)
    assert all(place[m][1] < place[n][1] for n, chapter in CHAPTERS.items() for m in chapter.needs)


def test_the_list_says_the_same():
    text = course_map.listed(CHAPTERS)
    assert text.count("\n- ") == len(CHAPTERS)
    for number, chapter in CHAPTERS.items():
        (line,) = (line for line in text.splitlines() if line.startswith(f"- {number}\u00a0"))
        needed = line.partition(": ")[2].partition(";")[0]
        assert {n for n in CHAPTERS if f"`{n} </" in needed} == chapter.needs
