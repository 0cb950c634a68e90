"""The chapter that a new author starts from passes everything that a chapter must pass."""

import inspect
import re

import nbformat
import pytest
import test_equations
import test_notebooks
import test_self_check

import new_chapter
from environment import ROOT
from execute import as_text, execute
from plain import Place
from plain_labels import cells_of, read
from plain_notebook import plain


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """The template as a notebook of its own, executed."""
    target = tmp_path_factory.mktemp("root") / "book" / "part9" / "25_my_subject.ipynb"
    target.parent.mkdir(parents=True)
    nb = new_chapter.begin("my-subject", "My subject")
    execute(nb, target.parent)
    target.write_text(as_text(nb), encoding="utf8")
    return target


def of_a_chapter(module):
    """Every test of a module that takes a chapter and nothing else."""
    found = [test for name, test in vars(module).items() if name.startswith("test_") and callable(test)]
    return [test for test in found if list(inspect.signature(test).parameters) == ["path"]]


def test_it_passes_every_test_of_a_chapter(path):
    tests = of_a_chapter(test_notebooks) + of_a_chapter(test_self_check)
    assert len(tests) >= 12
    for test in tests:
        test(path)


def test_it_runs_on_the_strict_backend(path, monkeypatch):
    monkeypatch.setenv("LSTMLAB_BACKEND", "strict")
    execute(nbformat.read(path, as_version=4), path.parent)


def test_what_it_refers_to_is_there(path):
    """Its plain copy is made as every chapter's is: a label or a work that is missing is an error."""
    text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    assert not test_equations.labels_in(text), "a label would need a function and a test of its own"
    labels, document = read(ROOT), "book/part9/25_my_subject"
    assert labels.sources.entries
    labels.root = path.parents[2]  # the template stands in a repository of its own
    labels.add(document, 25, cells_of(path))
    copy = plain(labels, document, Place())
    assert "less than a tenth is left" in "\n".join(cell.source for cell in copy.cells)


def test_a_name_that_is_none_is_refused(capsys):
    for name in ("part9/x", "book/part1/3_gates", "book/part1/03_gates"):
        with pytest.raises(SystemExit):
            new_chapter.main([name, "Title"])
        assert re.search(r"name: (expected book/partN/NN_name|\S+ is there already)", capsys.readouterr().err)
