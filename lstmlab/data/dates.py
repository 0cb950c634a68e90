"""Dates in many written forms, to be turned into ISO 8601: a small translation task.

The names of months and weekdays are written here, so the texts are the same in every locale.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from string import Formatter
from typing import NamedTuple

import numpy as np

from lstmlab.checks import check_size
from lstmlab.data.batches import pad
from lstmlab.data.symbols import Ints, Vocabulary
from lstmlab.initializers import generator

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PADDING = "_"

#: Name of each form to its template. Where all is digits, the day stands before the month unless the year
#: stands first; so no text has two meanings (two-digit years: the range of years is below a century).
DATE_FORMS = {
    "day month year": "{d} {Month} {year}",
    "day mon year": "{d} {Mon} {year}",
    "day-mon-year": "{dd}-{Mon}-{year}",
    "ordinal day": "{dth} {Month} {year}",
    "month day": "{Month} {d}, {year}",
    "mon day": "{Mon} {d}, {year}",
    "month ordinal": "{Month} {dth}, {year}",
    "weekday": "{Day} {d} {Mon} {year}",
    "slashes": "{dd}/{mm}/{year}",
    "dots": "{d}.{m}.{year}",
    "short year": "{dd}.{mm}.{yy}",
    "year first": "{year}/{mm}/{dd}",
    "year in words": "{year} {Month} {d}",
    "compact": "{year}{mm}{dd}",
}
#: Numbers of the fields in :attr:`DateBatch.fields`.
FIELDS = {"other": 0, "year": 1, "month": 2, "day": 3}
FIELD_OF = {
    "year": "year", "yy": "year",
    "Month": "month", "Mon": "month", "mm": "month", "m": "month",
    "d": "day", "dd": "day", "dth": "day", "Day": "other",
}  # fmt: skip

#: What the written forms consist of; the padding has number 0.
DATE_SYMBOLS = Vocabulary(PADDING + "0123456789 ,-./" + "".join(sorted(set("".join(MONTHS + WEEKDAYS)))))
#: What an ISO date consists of, and ``^``, which a decoder reads before its first character.
ISO_SYMBOLS = Vocabulary("0123456789-^")
#: Length of the longest written form.
WRITTEN_LENGTH = 20


class DateBatch(NamedTuple):
    """Written dates and their ISO form.

    Attributes
    ----------
    x
        Characters of the written form, ``(20, B)``, numbers of :data:`DATE_SYMBOLS`. The text stands at
        the end and padding before it, so that an encoder's last step reads the last character (with
        ``side="right"``, the other way round).
    y
        Characters of the ISO form, ``(10, B)``, numbers of :data:`ISO_SYMBOLS`.
    y_in
        What the decoder reads under teacher forcing: ``^``, then ``y`` without its last row, ``(10, B)``.
    lengths
        Characters of each written form, ``(B,)``.
    fields
        Which field each character of ``x`` belongs to, ``(20, B)``: see :data:`FIELDS`. For looking at
        attention, not for learning.
    written, iso
        The texts, tuples of B strings.
    """

    x: Ints
    y: Ints
    y_in: Ints
    lengths: Ints
    fields: Ints
    written: tuple[str, ...]
    iso: tuple[str, ...]


def write_date(day: date, form: str) -> tuple[str, list[int]]:
    """Write a date in one of the forms.

    Parameters
    ----------
    day
        The date.
    form
        A name from :data:`DATE_FORMS`.

    Returns
    -------
    text, fields
        The written form, and for each character the number of its field.

    Raises
    ------
    ValueError
        If there is no such form.

    Examples
    --------
    >>> write_date(date(2021, 3, 5), "month ordinal")[0]
    'March 5th, 2021'
    """
    if form not in DATE_FORMS:
        raise ValueError(f"form: expected one of {', '.join(DATE_FORMS)}, got {form!r}")
    month = MONTHS[day.month - 1]
    suffix = "th" if 11 <= day.day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    parts = {
        "d": f"{day.day}", "dd": f"{day.day:02d}", "dth": f"{day.day}{suffix}",
        "m": f"{day.month}", "mm": f"{day.month:02d}", "Mon": month[:3], "Month": month,
        "year": f"{day.year:04d}", "yy": f"{day.year % 100:02d}", "Day": WEEKDAYS[day.weekday()][:3],
    }  # fmt: skip
    text, fields = "", []
    for between, name, _, _ in Formatter().parse(DATE_FORMS[form]):
        written = parts[name] if name else ""
        text += between + written
        fields += [FIELDS["other"]] * len(between)
        fields += [FIELDS[FIELD_OF[name]]] * len(written) if name else []
    return text, fields


def all_days(first: date = date(1970, 1, 1), last: date = date(2029, 12, 31)) -> list[date]:
    """Return every day from the first to the last, both included.

    Raises
    ------
    ValueError
        If there is none, or the years span a century, so that two digits would not tell them apart.
    """
    if last < first or last.year - first.year > 99:
        raise ValueError(f"first, last: expected a range of up to 100 years, got {first} to {last}")
    return [first + timedelta(days=i) for i in range((last - first).days + 1)]


def split_days(
    days: Sequence[date], held_out: float, *, rng: int | np.random.Generator
) -> tuple[list[date], list[date]]:
    """Split days at random into those for training and those held out; no day is in both.

    Parameters
    ----------
    days
        Distinct days.
    held_out
        Share of the second part, between 0 and 1.
    rng
        Seed or generator.

    Returns
    -------
    training, held_out
        Each in the order of ``days``.
    """
    n = round(held_out * len(days)) if 0 < held_out < 1 else 0
    if not 0 < n < len(days):
        raise ValueError(f"held_out: expected a share that leaves days on both sides, got {held_out!r}")
    out = set(generator(rng).permutation(len(days))[:n].tolist())
    return [d for i, d in enumerate(days) if i not in out], [d for i, d in enumerate(days) if i in out]


def date_batch(
    days: Sequence[date],
    B: int,
    *,
    rng: int | np.random.Generator,
    forms: Sequence[str] = tuple(DATE_FORMS),
    side: str = "left",
) -> DateBatch:
    """Draw days and forms, each equally likely.

    Parameters
    ----------
    days
        Where to draw from: :func:`all_days`, or a part of :func:`split_days`.
    B
        Number of dates.
    rng
        Seed or generator.
    forms
        Names from :data:`DATE_FORMS`.
    side
        Where the padding stands: ``"left"`` or ``"right"`` of the text.

    Returns
    -------
    DateBatch
        ``x`` ``(20, B)``, ``y`` and ``y_in`` ``(10, B)``.

    Raises
    ------
    ValueError
        If there is no day or form, a form is unknown, or the side is neither.
    """
    B, rng = check_size("B", B), generator(rng)
    if not days or not forms or side not in ("left", "right"):
        raise ValueError(
            "days, forms, side: expected days, forms and 'left' or 'right', "
            f"got {len(days)} days, {len(forms)} forms and {side!r}"
        )
    drawn = [days[int(i)] for i in rng.integers(len(days), size=B)]
    both = [
        write_date(day, forms[int(i)]) for day, i in zip(drawn, rng.integers(len(forms), size=B), strict=True)
    ]
    written, iso = tuple(text for text, _ in both), tuple(day.isoformat() for day in drawn)

    def fill(content: Ints) -> Ints:
        empty = np.zeros(WRITTEN_LENGTH - len(content), dtype=np.int64)
        return np.concatenate([empty, content] if side == "left" else [content, empty])

    x = np.stack([fill(DATE_SYMBOLS.encode(text)) for text in written], axis=1)
    fields = np.stack([fill(np.array(f, dtype=np.int64)) for _, f in both], axis=1)
    y, _ = pad([ISO_SYMBOLS.encode(text) for text in iso])
    start = np.full((1, B), ISO_SYMBOLS.index["^"])
    lengths = np.array([len(text) for text in written], dtype=np.int64)
    return DateBatch(x, y, np.concatenate([start, y[:-1]]), lengths, fields, written, iso)
