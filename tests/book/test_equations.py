"""The ledger: each numbered equation of the book is one function of lstmlab and has a test; and back."""

import ast
import re
from collections import defaultdict

import notebooks as book
import pytest

from contents import equations, labels_in

ROLE = r":eq:`(eq-[\w-]+)`"
IMPLEMENTS = re.compile(rf"Implements\s+(?:{ROLE}(?:\s*,\s*and\s+|\s*,\s*|\s+and\s+)?)+")


def places(entries):
    """Label -> where it stands."""
    found = defaultdict(list)
    for label, place in entries:
        found[label].append(place)
    return dict(found)


def implemented_in(docstring):
    return [label for claim in IMPLEMENTS.finditer(docstring) for label in re.findall(ROLE, claim[0])]


def marked_in(tree):
    """Labels of every ``pytest.mark.equation(...)``; tuples may be unpacked, but all is written out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.equation":
            for argument in node.args:
                literal = argument.value if isinstance(argument, ast.Starred) else argument
                value = ast.literal_eval(literal)  # raises where a label is computed
                yield from (value if isinstance(value, tuple | list) else [value])


def code_labels():
    kinds = (ast.FunctionDef, ast.ClassDef)
    for path in sorted((book.ROOT / "lstmlab").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if isinstance(node, kinds):
                for label in implemented_in(ast.get_docstring(node) or ""):
                    yield label, f"{path.relative_to(book.ROOT).as_posix()}:{node.name}"


def marked_labels():
    for path in sorted((book.ROOT / "tests").rglob("test_*.py")):
        for label in marked_in(ast.parse(path.read_text(encoding="utf8"))):
            yield label, path.relative_to(book.ROOT).as_posix()


BOOK, CODE, TESTS = equations(book.ROOT), places(code_labels()), places(marked_labels())


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("$$\na = b\n$$ (eq-one)\n", ["eq-one"]),
        ("$$a$$ (eq-one) and $$b$$ (eq-two)", ["eq-one", "eq-two"]),
        ("```{math}\n:label: eq-one\na = b\n```", ["eq-one"]),
        ("$$\na = b\n$$\n\nsee {eq}`eq-one` (eq-two)", []),
    ],
)
def test_labels_are_recognised(text, labels):
    assert labels_in(text) == labels


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("Implements :eq:`eq-one`.", ["eq-one"]),
        ("Implements :eq:`eq-one`, :eq:`eq-two` and\n    :eq:`eq-three`.", ["eq-one", "eq-two", "eq-three"]),
        ("Uses :eq:`eq-one`; implements nothing.", []),
        ("Implements :eq:`eq-one`. Compare :eq:`eq-two`.", ["eq-one"]),
    ],
)
def test_claims_are_recognised(text, labels):
    assert implemented_in(text) == labels


def test_each_equation_of_the_book_is_one_function():
    assert BOOK, "the book has no numbered equation"
    missing = {label: where for label, where in BOOK.items() if label not in CODE}
    assert not missing, "numbered in the book, but no docstring says 'Implements :eq:`...`'"


def test_no_label_is_given_twice():
    twice = {label: where for label, where in BOOK.items() if len(where) > 1}
    assert not twice


def test_no_equation_is_implemented_twice():
    twice = {label: where for label, where in CODE.items() if len(where) > 1}
    assert not twice


def test_each_function_that_claims_an_equation_names_one_of_the_book():
    unknown = {label: where for label, where in CODE.items() if label not in BOOK}
    assert not unknown, "claimed in a docstring, but numbered nowhere in the book"


def test_each_equation_of_the_book_has_a_test():
    missing = {label: where for label, where in BOOK.items() if label not in TESTS}
    assert not missing, 'no test is marked @pytest.mark.equation("...")'


def test_each_marked_test_names_an_equation_of_the_book():
    unknown = {label: where for label, where in TESTS.items() if label not in BOOK}
    assert not unknown, "a test is marked with a label that the book does not have"
