"""Which pages the site has, read from its table of contents."""

from collections.abc import Iterator
from typing import Any

import yaml

from environment import ROOT

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf8"))
#: Pages that Sphinx and its extensions add.
ADDED = ("404", "genindex", "index", "py-modindex", "search")


def _files(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (str(node[key]) for key in ("root", "file") if key in node)
        for value in node.values():
            yield from _files(value)
    elif isinstance(node, list):
        for value in node:
            yield from _files(value)


WRITTEN = tuple(_files(TOC))
CHAPTERS = tuple(name for name in WRITTEN if (ROOT / f"{name}.ipynb").exists())
EVERY = WRITTEN + ADDED
