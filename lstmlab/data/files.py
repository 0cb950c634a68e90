"""The reader's own data, a text or a table of numbers; what is wrong with a file is said with its place."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]


class Series(NamedTuple):
    """A series and its names.

    Attributes
    ----------
    values
        Shape ``(T, n)``, float64, a row a time.
    columns
        Names of the n columns.
    times
        Shape ``(T,)``: years, with fractions, where they are known; otherwise 0, 1, ...
    """

    values: Values
    columns: tuple[str, ...]
    times: Values


def read_text(path: str | Path, *, encoding: str = "utf-8", min_length: int = 1) -> str:
    """Read a text file of the reader's own.

    Parameters
    ----------
    path
        The file.
    encoding
        How its bytes are to be read. A byte order mark at the start is dropped, and every line end
        becomes a newline character.
    min_length
        Characters needed, such as (T + 1) B for batches.

    Returns
    -------
    str
        The text.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a file, is empty, is shorter than needed, or cannot be decoded: the message gives the
        place of the first bad byte and the encoding tried.
    """
    file = Path(path)
    if not file.exists():
        raise FileNotFoundError(f"path: expected a text file, got {str(file)!r}, which does not exist")
    if not file.is_file():
        raise ValueError(f"path: expected a text file, got {str(file)!r}, which is not a file")
    data = file.read_bytes()
    if not data:
        raise ValueError(f"path: expected text, got {str(file)!r}, which is empty")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"path: {str(file)!r} is not {encoding}: byte 0x{data[error.start]:02x} at byte offset "
            f"{error.start} cannot be decoded ({error.reason}); "
            f"tried encoding {encoding!r}, give another such as encoding='latin-1'"
        ) from error
    except LookupError as error:
        raise ValueError(f"encoding: expected the name of an encoding, got {encoding!r}") from error
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if len(text) < min_length:
        raise ValueError(f"path: expected at least {min_length} characters, got {len(text)} in {str(file)!r}")
    return text


def read_csv(
    path: str | Path,
    columns: Sequence[str] | None = None,
    *,
    time: str | None = None,
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> Series:
    """Read the reader's own series: a first line of names, then a line of numbers for each time.

    Parameters
    ----------
    path
        The file.
    columns
        Names of the columns wanted, in this order; ``None`` takes all but ``time``.
    time
        A column of numbers for :attr:`Series.times`; ``None`` counts 0, 1, ...
    delimiter
        What separates two cells.
    encoding
        How the bytes are to be read.

    Returns
    -------
    Series
        Values ``(T, n)``. Cells of columns not asked for may hold anything.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a column is missing or named twice, there is no line of numbers, a line has more or fewer cells
        than there are names, a line is blank between others, or a cell is not a finite number. The message
        gives the line and the column.
    """
    table = lines(path, read_text(path, encoding=encoding), delimiter)
    header = [name.strip() for name in next(table, (1, []))[1]]
    wanted = list(columns) if columns is not None else [name for name in header if name != time]
    for name in [*wanted, *([] if time is None else [time])]:
        if header.count(name) != 1:
            raise ValueError(
                f"columns: expected one column {name!r} in line 1 of {str(path)!r}, "
                f"got {header.count(name)}; the columns are {', '.join(map(repr, header))}"
            )
    if not wanted or all(is_number(name) for name in header):
        raise ValueError(f"path: expected names of columns in line 1 of {str(path)!r}, got {header!r}")
    rows: list[list[float]] = []
    for line, cells in table:
        if len(cells) != len(header):
            raise ValueError(
                f"path: line {line} of {str(path)!r}: expected {len(header)} cells, as line 1 has, "
                f"got {len(cells)}"
            )
        at = dict(zip(header, cells, strict=True))
        clock = float(len(rows)) if time is None else number(at[time], path, line, time)
        rows.append([clock, *(number(at[name], path, line, name) for name in wanted)])
    if not rows:
        raise ValueError(f"path: expected lines of numbers below line 1 of {str(path)!r}, got none")
    values = np.array(rows, dtype=np.float64)
    return Series(values[:, 1:], tuple(wanted), values[:, 0])


def lines(path: str | Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of every line; blank lines may stand only at the end.

    A blank line in a table of one column is a missing value, and must not be passed over.
    """
    table = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    blank = None
    try:
        for cells in table:
            if not "".join(cells).strip() and len(cells) < 2:
                blank = blank or table.line_num
            elif blank:
                raise ValueError(f"path: line {blank} of {str(path)!r}: expected numbers, got a blank line")
            else:
                yield table.line_num, cells
    except csv.Error as error:
        raise ValueError(f"path: line {table.line_num} of {str(path)!r}: {error}") from error


def is_number(cell: str) -> bool:
    """Say whether a cell holds a finite number, written with a decimal point."""
    try:
        return isfinite(float(cell)) and "_" not in cell
    except ValueError:
        return False


def number(cell: str, path: str | Path, line: int, column: str) -> float:
    """Return a cell's number, or say where there is none."""
    if not is_number(cell):
        raise ValueError(
            f"path: line {line}, column {column!r} of {str(path)!r}: expected a finite number, "
            f"got {cell!r:.60}"
        )
    return float(cell)
