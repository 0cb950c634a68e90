"""The Reber grammars: strings from a small graph, with a memory problem built in.

A string of the embedded grammar has its second symbol, T or P, again before its last. Between the two
stands a string of the inner grammar which says nothing about it. With one inner string (mean length 12)
a plain recurrent network trained with Adam solves the task too; with three in a row (mean length 28)
it does not. Judge with :func:`~lstmlab.data.symbols.all_legal`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lstmlab.checks import check_size
from lstmlab.data.symbols import NextSymbolBatch, Vocabulary, next_symbol_batch
from lstmlab.initializers import generator

#: B and E open and close a string; T, P, S, X, V label the inner arcs.
REBER_SYMBOLS = Vocabulary("BTPSXVE")


class Grammar:
    """A graph with labelled arcs: strings are the walks from the first node to a node without arcs.

    Parameters
    ----------
    arcs
        For each node, symbol to next node. Node 0 is the start. Two arcs of a node have different
        symbols, so a string has one walk at most.

    Raises
    ------
    ValueError
        If an arc leads to no node, or no node is an end.
    """

    def __init__(self, arcs: Sequence[Mapping[str, int]]) -> None:
        self.arcs = tuple(dict(node) for node in arcs)
        if any(not 0 <= to < len(self.arcs) for node in self.arcs for to in node.values()):
            raise ValueError(f"arcs: expected nodes 0 to {len(self.arcs) - 1}, got an arc to another")
        if all(self.arcs):
            raise ValueError("arcs: expected at least one node without arcs, where strings end, got none")

    def walk(self, prefix: Sequence[str]) -> int | None:
        """Return the node a string leads to, or ``None`` where there is no arc for a symbol."""
        node = 0
        for symbol in prefix:
            if symbol not in self.arcs[node]:
                return None
            node = self.arcs[node][symbol]
        return node

    def accepts(self, string: Sequence[str]) -> bool:
        """Say whether a string is a complete walk."""
        node = self.walk(string)
        return node is not None and not self.arcs[node]

    def legal_next(self, prefix: Sequence[str]) -> frozenset[str]:
        """Return the symbols that may follow a beginning; empty after a complete string.

        Raises
        ------
        ValueError
            If no string begins so.
        """
        node = self.walk(prefix)
        if node is None:
            raise ValueError(f"prefix: expected the beginning of a string of the grammar, got {prefix!r}")
        return frozenset(self.arcs[node])

    def legal_sets(self, string: Sequence[str]) -> list[frozenset[str]]:
        """Return the symbols that may follow each symbol of a string but the last."""
        return [self.legal_next(string[:t]) for t in range(1, len(string))]

    def sample(self, rng: int | np.random.Generator) -> str:
        """Draw a string: at every node each arc is equally likely.

        Parameters
        ----------
        rng
            Seed or generator.

        Returns
        -------
        str
            One character a symbol.
        """
        rng, node, string = generator(rng), 0, ""
        while self.arcs[node]:
            symbols = list(self.arcs[node])
            symbol = symbols[int(rng.integers(len(symbols)))]
            string, node = string + symbol, self.arcs[node][symbol]
        return string


REBER = Grammar(
    [
        {"B": 1},
        {"T": 2, "P": 3},
        {"S": 2, "X": 4},
        {"T": 3, "V": 5},
        {"X": 3, "S": 6},
        {"P": 4, "V": 6},
        {"E": 7},
        {},
    ]
)


def embedded_reber(times: int = 1) -> Grammar:
    """Build the embedded grammar: B, T or P, inner strings, the same T or P again, E.

    The graph has a copy of the inner graphs for T and one for P: to be at the right copy is to remember.

    Parameters
    ----------
    times
        Number of inner strings in a row: 1 is the usual grammar, 3 the one that needs an LSTM.

    Returns
    -------
    Grammar
        Mean length 4 + 8 ``times``.

    References
    ----------
    Reber (1967); Cleeremans, Servan-Schreiber and McClelland (1989); Hochreiter and Schmidhuber (1997).
    """
    times = check_size("times", times)
    arcs: list[dict[str, int]] = [{"B": 1}, {}]
    ends = []
    for remembered in "TP":
        arcs[1][remembered] = len(arcs)
        for _ in range(times):  # the end of one inner graph is the start of the next
            first = len(arcs)
            arcs += [{symbol: first + to for symbol, to in node.items()} for node in REBER.arcs[:-1]]
        arcs.append({remembered: 0})
        ends.append(len(arcs) - 1)
    arcs += [{"E": len(arcs) + 1}, {}]
    for end in ends:
        arcs[end] = dict.fromkeys(arcs[end], len(arcs) - 2)
    return Grammar(arcs)


EMBEDDED_REBER = embedded_reber()
EMBEDDED_REBER_3 = embedded_reber(3)


def reber_batch(
    grammar: Grammar, B: int, *, rng: int | np.random.Generator, dtype: str = "float64"
) -> NextSymbolBatch:
    """Draw strings of a grammar for next-symbol prediction.

    Parameters
    ----------
    grammar
        ``REBER``, ``EMBEDDED_REBER``, ``EMBEDDED_REBER_3`` or another over the same symbols.
    B
        Number of strings.
    rng
        Seed or generator.
    dtype
        Of the inputs.

    Returns
    -------
    NextSymbolBatch
        ``x`` and ``legal`` ``(T, B, 7)``, ``targets`` ``(T, B)``, ``lengths`` ``(B,)``.
    """
    rng = generator(rng)
    strings = [grammar.sample(rng) for _ in range(check_size("B", B))]
    return next_symbol_batch(strings, [grammar.legal_sets(s) for s in strings], REBER_SYMBOLS, dtype)
