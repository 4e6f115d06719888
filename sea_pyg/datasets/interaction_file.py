"""Reading of ``*.inter`` files, fast and with errors that name the line."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_TAB, _NEWLINE, _SPACE = 9, 10, 32
_INTEGER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")
_COLUMNS = {
    "userid": "user",
    "itemid": "item",
    "rating": "rating",
    "timestamp": "time",
    "xlabel": "label",
}


class Interactions(NamedTuple):
    """The columns of an interaction file, one entry per line."""

    user: NDArray[np.int64]
    item: NDArray[np.int64]
    rating: NDArray[np.float64] | None
    time: NDArray[np.int64] | NDArray[np.float64] | None
    label: NDArray[np.int64] | None


def read_interactions(path: Path) -> Interactions:
    """Parse ``userID itemID [rating] [timestamp] [x_label]``, tab separated.

    RecBole's names with types (``user_id:token``) are understood, other columns are
    ignored.

    Raises:
        ValueError: If the file has no header, a line has another number of columns, or
            a value is not what its column expects; names file, line and column.
    """
    return parse_interactions(path.read_bytes(), str(path))


def parse_interactions(content: bytes, name: str) -> Interactions:
    """Parse the content of the interaction file called ``name``."""
    content = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    head, _, body = content.partition(b"\n")
    columns = _parse_header(head, name)
    table = _Table(body.rstrip(b"\n"), len(head.split(b"\t")), name)
    number: dict[str, NDArray[np.int64]] = {
        key: table.integers(column, title)
        for key, (column, title) in columns.items()
        if key in ("user", "item", "label")
    }
    label = number.get("label")
    if label is not None and label.size and label.max() > 2:
        row = int(np.argmax(label > 2))
        title = columns["label"][1]
        raise ValueError(
            f"{name}, line {row + 2}: column {title!r} must be 0, 1 or 2 (training, "
            f"validation, test) (got {label[row]})"
        )
    rating = time = None
    if "rating" in columns:
        rating = table.numbers(*columns["rating"])
    if "time" in columns:
        time = table.times(*columns["time"])
    return Interactions(number["user"], number["item"], rating, time, label)


def _parse_header(head: bytes, name: str) -> dict[str, tuple[int, str]]:
    """Return column number and title by what the column holds."""
    columns: dict[str, tuple[int, str]] = {}
    for number, field in enumerate(head.decode("utf-8", "replace").split("\t")):
        title = field.strip()
        key = _COLUMNS.get(title.partition(":")[0].replace("_", "").lower())
        if key in columns:
            raise ValueError(f"{name}: the header names {title!r} twice")
        if key is not None:
            columns[key] = (number, title)
    if "user" not in columns or "item" not in columns:
        raise ValueError(
            f"{name}, line 1: expected a header with the tab separated columns userID "
            f"and itemID (and, where known, rating, timestamp, x_label) (got "
            f"{head[:60].decode('utf-8', 'replace')!r}); add that line or replace "
            f"other separators by tabs"
        )
    return columns


class _Table:
    """Tab separated text, cut into fields without a Python object per field."""

    def __init__(self, body: bytes, num_columns: int, name: str) -> None:
        if not body:
            raise ValueError(f"{name} has a header but no interactions")
        self.name = name
        self.text = np.frombuffer(body, dtype=np.uint8)
        separator = np.flatnonzero((self.text == _TAB) | (self.text == _NEWLINE))
        separator = np.append(separator, self.text.size)
        is_end = np.append(self.text[separator[:-1]] == _NEWLINE, True)
        count = np.diff(np.flatnonzero(is_end), prepend=-1)
        if (count != num_columns).any():
            row = int(np.argmax(count != num_columns))
            raise ValueError(
                f"{name}, line {row + 2}: expected {num_columns} tab separated columns "
                f"as in the header (got {count[row]})"
            )
        self.end = separator.reshape(-1, num_columns)
        self.start = np.append(0, separator[:-1] + 1).reshape(-1, num_columns)

    def field(self, row: int, column: int) -> str:
        start, end = self.start[row, column], self.end[row, column]
        return self.text[start:end].tobytes().decode("utf-8", "replace")

    def integers(self, column: int, title: str) -> NDArray[np.int64]:
        """Return a column of integers that are not negative."""
        start, end = self.start[:, column], self.end[:, column]
        length = end - start
        width = int(length.max())
        value = np.zeros(len(start), dtype=np.int64)
        good = (length > 0) & (length <= 18)
        for offset in range(min(width, 18)):
            inside = offset < length
            position = np.minimum(start + offset, self.text.size - 1)
            digit = self.text[position].astype(np.int64) - 48
            good &= ~inside | ((digit >= 0) & (digit <= 9))
            value = np.where(inside, value * 10 + digit, value)
        for row in np.flatnonzero(~good):
            value[row] = self._integer(int(row), column, title)
        return value

    def times(self, column: int, title: str) -> NDArray[np.int64] | NDArray[np.float64]:
        """Return a column of times, integers to their last digit where all are such."""
        value = self.numbers(column, title)
        if (value != np.floor(value)).any():
            return value
        if np.abs(value).max() < 2**53:
            return value.astype(np.int64)
        # What float64 would round, as nanoseconds.
        exact = [self._long(row, column, title) for row in range(len(value))]
        return np.array(exact, dtype=np.int64)

    def _long(self, row: int, column: int, title: str) -> int:
        text = self.field(row, column).strip()
        try:
            value = int(text)
        except ValueError:
            value = 2**63
        if not -(2**63) <= value < 2**63:
            raise ValueError(
                f"{self.name}, line {row + 2}: column {title!r} must hold 64-bit "
                f"integers, as other lines do, or numbers below 2**53 (got {text!r})"
            )
        return value

    def _integer(self, row: int, column: int, title: str) -> int:
        text = self.field(row, column).strip()
        where = f"{self.name}, line {row + 2}: column {title!r}"
        # Python also reads 1_0 and other scripts' digits: names, not numbers.
        value = float(text) if _INTEGER.fullmatch(text) else float("nan")
        if not value.is_integer() or abs(value) >= 2**53:
            raise ValueError(
                f"{where} must be an integer (got {text!r}); number users and items "
                f"0, 1, 2, ..."
            )
        if value < 0:
            raise ValueError(f"{where} must not be negative (got {text})")
        return int(value)

    def numbers(self, column: int, title: str) -> NDArray[np.float64]:
        """Return a column of finite numbers."""
        start, end = self.start[:, column], self.end[:, column]
        width = max(int((end - start).max()), 1)
        field = np.zeros((len(start), width), dtype=np.uint8)
        for offset in range(width):
            position = np.minimum(start + offset, self.text.size - 1)
            field[:, offset] = np.where(start + offset < end, self.text[position], 0)
        texts = field.view(f"S{width}").ravel()
        try:
            value = texts.astype(np.float64)
        except ValueError:
            value = np.array([_number(text) for text in texts])
        # Python also reads 1_0, see `_integer`.
        bad = ~np.isfinite(value) | (field == ord("_")).any(axis=1)
        if bad.any():
            row = int(np.argmax(bad))
            raise ValueError(
                f"{self.name}, line {row + 2}: column {title!r} must be a number (got "
                f"{self.field(row, column)!r})"
            )
        return value


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
