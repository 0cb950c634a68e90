"""One spelling, one word for one thing, and no work in the bibliography that nobody cites."""

import re

import notebooks as book

#: What the course does not write, and what it writes instead: British, and the words of the glossary.
INSTEAD = {
    r"(?!(?:re)?siz|priz|seiz)[a-z]+[iy]z(?:e|es|ed|ing|ations?|ers?)": "-ise, -isation, -yse",
    r"(?:behavi|col|fav|flav|hon|lab|neighb)or(?:s|ed|ing|hoods?|able)?": "-our",
    r"(?:center|fiber|meter|liter)(?:s|ed|ing)?": "-re",
    r"(?:model|label|cancel|signal|level|total|travel)(?:ed|ing)": "-lled, -lling",
    r"grays?": "grey",
    r"learned": "learnt",
    r"spelt": "spelled",
    r"artifacts?": "artefact",
    r"percent": "per cent",
    r"mini-?batch(?:es)?": "batch",
    r"time-?steps?": "time step",
    r"readouts?": "read-out",
    r"feedforward": "feed-forward",
    r"preactivations?": "pre-activation",
    r"elementwise": "element-wise",
    r"datasets?": "data set",
    r"back-propagat\w+": "backpropagation",
    r"non-linear\w*": "nonlinear",
    r"soft-max|over-fit\w*|peep-holes?|drop-out|zone-out|check-points?": "one word",
}
#: Not within a name, a path or an address.
OTHERS = re.compile(rf"(?<![\w.@/-])(?:{'|'.join(INSTEAD)})(?![\w(/=-]|\.\w)", re.I)
QUOTED = ('"memory optimization"',)  # a heading of the notes
DOCSTRING = re.compile(r'(?P<first>^ *r?)?"""(?P<text>.*?)"""', re.S | re.M)
COMMENT = re.compile(r"(?:^|  )#:? (.*)", re.M)
#: In what is spoken: code, roles, doctests, imports, and the lines that name parameters.
CODE = re.compile(r"``[^`]*``|:[\w:]+:`[^`]*`|^ *(?:>>>|\.\.\.|from|import) .*$|^ *\w+(?:, \w+)*$", re.M)
FOLDERS = ("lstmlab", "exercises", "experiments", "benchmarks", "tools", "book/_ext", "book/models", "tests")


def pages():
    """What is read: each file's name and its prose."""
    for path in (*book.CHAPTERS, *book.ROOT.glob("exercises/sources/*.md")):
        text = book.markdown(path) if path.suffix == ".ipynb" else path.read_text(encoding="utf8")
        yield path, book.prose(text)
    for path in (*book.PAGES, *book.ROOT.glob("*.md"), *book.ROOT.glob("*/README.md")):
        text = path.read_text(encoding="utf8").replace(":::{glossary}\n", "")
        yield path, book.prose(text)
    for folder in FOLDERS:
        for path in (book.ROOT / folder).rglob("*.py"):
            if path.name != "test_words.py":
                yield path, spoken(path.read_text(encoding="utf8"))


def spoken(code):
    """Docstrings and comments of a module."""
    docs = [found["text"] for found in DOCSTRING.finditer(code) if found["first"] is not None]
    return CODE.sub(" ", "\n".join(docs + COMMENT.findall(code)))


def others(text):
    for quoted in QUOTED:
        text = text.replace(quoted, "")
    return [found[0] for found in OTHERS.finditer(text)]


def test_the_search_finds_american_forms_and_rival_words():
    text = (
        "A colored neighborhood, initialized in grayscale: the labeled minibatch is normalized. It learned."
    )
    assert others(text) == [
        "colored",
        "neighborhood",
        "initialized",
        "labeled",
        "minibatch",
        "normalized",
        "learned",
    ]
    assert others("Resized, coloured, seizing a prize; lstmlab.optimizers, a/color and `x`.") == []


def test_one_spelling_and_one_word_for_one_thing():
    found = {path.relative_to(book.ROOT).as_posix(): others(text) for path, text in pages()}
    assert {name: words for name, words in found.items() if words} == {}


def test_every_work_in_the_bibliography_is_cited():
    keys = re.findall(
        r"^@\w+\{([^,]+),", (book.ROOT / "book/references.bib").read_text(encoding="utf8"), re.M
    )
    texts = [*(book.markdown(path) for path in book.CHAPTERS)]
    texts += [path.read_text(encoding="utf8") for path in (*book.PAGES, book.ROOT / "book/claims.yml")]
    cited = set(re.findall(r"[\w-]+", "\n".join(texts)))
    assert [key for key in keys if key not in cited] == []
