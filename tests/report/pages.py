"""Reads a report's HTML by the standard library's parser."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = ("meta", "br", "img")


@dataclass
class Entry:
    """A table's cell."""

    text: str = ""
    href: str | None = None
    bold: bool = False
    value: str | None = None


@dataclass
class Row:
    """A table's row."""

    id: str | None
    group: str | None
    entries: list[Entry] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        return [entry.text for entry in self.entries]


@dataclass
class Page(HTMLParser):
    """Everything that the tests ask about."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    tables: dict[str, list[Row]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    raw: dict[str, str] = field(default_factory=dict)
    """Content of the style and script elements."""
    pieces: dict[str, str] = field(default_factory=dict)
    """The JSON in the page, by its anchor."""
    notes: list[tuple[str, str]] = field(default_factory=list)
    """Sentences, and what they link to."""

    @classmethod
    def read(cls, text: str) -> "Page":
        page = cls()
        HTMLParser.__init__(page)
        page.open: list[str] = []
        page.feed(text)
        page.close()
        assert not page.open, "an element is not closed"
        return page

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "pre":
            self.pieces[attributes["id"]] = ""
        elif tag == "p" and attributes.get("class") == "note":
            self.notes.append(("", ""))
        elif tag == "a" and self.open[-2] == "p" and self.in_note():
            self.notes[-1] = (self.notes[-1][0], attributes["href"])
        elif tag == "table":
            self.rows = self.tables.setdefault(attributes["aria-label"], [])
        elif tag == "tr":
            self.rows.append(Row(attributes.get("id"), attributes.get("data-group")))
        elif tag in ("td", "th"):
            self.rows[-1].entries.append(Entry(value=attributes.get("data-value")))
        elif "tbody" in self.open and tag == "a":
            self.rows[-1].entries[-1].href = attributes["href"]
        elif "tbody" in self.open and tag == "strong":
            self.rows[-1].entries[-1].bold = True

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("style", "script"):
            self.raw[self.open[-1]] = data
            return
        self.texts.append(data)
        if self.open and self.open[-1] == "pre":
            self.pieces[[*self.pieces][-1]] += data
        if self.open and self.open[-1] == "span" and self.in_note():
            self.notes[-1] = (self.notes[-1][0] + data, self.notes[-1][1])
        if "th" in self.open or "td" in self.open:
            self.rows[-1].entries[-1].text += data

    def in_note(self) -> bool:
        starts = [a for t, a in self.tags if t == "p"]
        return "p" in self.open and starts[-1].get("class") == "note"

    def attributes(self, tag: str, name: str) -> list[str]:
        return [a[name] for t, a in self.tags if t == tag and a.get(name) is not None]
