"""How a table of text is written: its encoding, the mark between cells, quotes and comments."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastbp.errors import argument_error

PREFERRED, OTHERS = (",", ";", "\t", "|"), (":", " ")
"""Marks between cells; those of the second kind count only where none of the first divides the lines evenly."""
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""First bytes of a file that say how it is encoded."""
NAMES = {"tab": "\t", "\\t": "\t", "space": " ", "comma": ",", "semicolon": ";", "pipe": "|"}
"""Words for marks that a shell makes hard to type."""


@dataclass(frozen=True)
class Dialect:
    """How a file is to be read; what is None is found out.

    Attributes
    ----------
    delimiter : str or None
        One character, or a word for it: tab, space, comma, semicolon or pipe. A space stands for any number of them.
    encoding : str or None
        As Python names it; None is UTF-8, or what the file's first bytes say.
    quote : str or None
        The mark around cells, or ``"none"``; None is a double quote.
    comment : str or None
        What a line begins with that is no row. None: lines before the table that begin with ``#``.
    header : bool or None
        Whether the first row names the columns.
    sheet : str or None
        Of a workbook; None is the first.
    """

    delimiter: str | None = None
    encoding: str | None = None
    quote: str | None = None
    comment: str | None = None
    header: bool | None = None
    sheet: str | None = None

    def __post_init__(self) -> None:
        delimiter = NAMES.get(str(self.delimiter).lower(), self.delimiter)
        if delimiter is not None and (not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n'):
            problem = f"is {self.delimiter!r}; it must be one character, or one of {', '.join(NAMES)}. Pass ';', say."
            raise argument_error("delimiter", problem)
        object.__setattr__(self, "delimiter", delimiter)
        if self.quote not in (None, "none") and (len(str(self.quote)) != 1 or self.quote in ("\r", "\n")):
            raise argument_error("quote", f"is {self.quote!r}; it must be one character, or 'none'. Pass \"'\", say.")
        if self.comment == "":
            raise argument_error("comment", "is ''; a line needs something to begin with. Pass '#', say.")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except (LookupError, TypeError):
                problem = f"is {self.encoding!r}, which Python does not know. Pass 'cp1252', say."
                raise argument_error("encoding", problem) from None

    def encoding_of(self, start: bytes) -> str:
        """The encoding of a file that begins like this."""
        if self.encoding is not None:
            return "utf-8-sig" if codecs.lookup(self.encoding).name == "utf-8" else self.encoding
        return next((name for mark, name in MARKS if start.startswith(mark)), "utf-8-sig")

    def reader_options(self, delimiter: str) -> dict[str, Any]:
        """What Python's reader of tables is told."""
        if self.quote == "none":
            return {"delimiter": delimiter, "quoting": csv.QUOTE_NONE, "strict": True}
        quote = self.quote or '"'
        return {"delimiter": delimiter, "quotechar": quote, "skipinitialspace": True, "strict": True}

    def delimiter_of(self, lines: Sequence[str], name: str) -> str:
        """The mark between cells that divides some lines most evenly."""
        if self.delimiter is not None:
            return self.delimiter
        if name.endswith((".tsv", ".tab")):
            return "\t"
        shown = [line for line in lines if line.strip()][:20]
        for marks in (PREFERRED, OTHERS):
            widths = {mark: self._width(shown, mark) for mark in marks}
            best = max(widths, key=lambda mark: widths[mark])
            if widths[best] > 1:
                return best
        return max(PREFERRED, key=shown[0].count) if shown else ","

    def _width(self, lines: Sequence[str], mark: str) -> int:
        """Cells of each line, or 0 if they differ."""
        try:
            rows = list(csv.reader([line.strip(" ") for line in lines], **self.reader_options(mark)))
        except csv.Error:
            return 0
        sizes = {len(row) for row in rows if any(cell.strip() for cell in row)}
        return sizes.pop() if len(sizes) == 1 else 0


def separator_line(line: str) -> str | None:
    """The mark that a line ``sep=;`` names, with which some workbooks begin what they export."""
    match = re.fullmatch(r"sep=(.)\r?\n?", line, re.IGNORECASE)
    return match[1] if match else None
