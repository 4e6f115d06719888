"""What `benchmarks/studies.py` found, as its files tell."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sea_pyg.report.cell import Cell
from sea_pyg.report.grid import relative_link

_LINK = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")
_BAR = re.compile(r" (?<!\\)\| ")


@dataclass(frozen=True)
class Study:
    """One study: its table and its picture."""

    path: Path
    """The Markdown file."""

    @property
    def name(self) -> str:
        """What is studied."""
        return self.path.stem

    @property
    def picture(self) -> Path | None:
        """The SVG file, if there is one."""
        path = self.path.with_suffix(".svg")
        return path if path.is_file() else None

    def plain(self) -> dict[str, Any]:
        """Return the numbers in full: a list of rows for every table, in order.

        Nothing if an earlier version wrote the tables, which kept none.
        """
        path = self.path.with_suffix(".json")
        if not path.is_file():
            return {}
        plain: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return plain

    def blocks(self) -> list[str | list[list[str]]]:
        """Return paragraphs, and tables as rows of texts without links, head first."""
        text = _LINK.sub(r"\1", self.path.read_text(encoding="utf-8"))
        return [
            _rows(block) if block.startswith("| ") else block
            for block in text.strip().split("\n\n")
        ]

    def markdown(self, root: str | Path) -> str:
        """Return the Markdown, with links that start from the folder ``root``."""
        folder = self.path.parent
        return _LINK.sub(
            lambda match: f"[{match[1]}]({relative_link(folder / match[2], root)})",
            self.path.read_text(encoding="utf-8"),
        ).strip()


@dataclass(frozen=True)
class StudySection:
    """The studies in one folder, and the cells they share."""

    folder: Path
    studies: list[Study]
    cells: list[Cell]

    @property
    def title(self) -> str:
        """Data set and folder in words."""
        data = dict.fromkeys(str(cell.plain["data"]) for cell in self.cells)
        return f"Studies on {', '.join(data)}, {self.folder.name}"

    @property
    def methods(self) -> dict[str, list[Cell]]:
        """The cells of every variant, which differ by their seed."""
        found: dict[str, list[Cell]] = {}
        for cell in self.cells:
            found.setdefault(cell.method, []).append(cell)
        return found


def study_sections(cells: Sequence[Cell]) -> list[StudySection]:
    """Find the studies that some of the cells are of.

    A study is a Markdown file that starts with a table, beside the folder of the cells.

    Args:
        cells: The cells; those of a grid are left out.
    """
    groups: dict[Path, list[Cell]] = {}
    for cell in cells:
        if cell.in_study:
            groups.setdefault(cell.root, []).append(cell)
    return [
        StudySection(folder, _studies(folder), group)
        for folder, group in sorted(groups.items())
    ]


def studies_markdown(sections: Sequence[StudySection], root: str | Path) -> str:
    """Write the tables of all studies.

    Args:
        sections: The studies.
        root: The folder that links to the cells start from.
    """
    parts = []
    for section in sections:
        parts.append(f"## {section.title}")
        for study in section.studies:
            parts += [f"### {study.name}", study.markdown(root)]
    return "".join(f"{part}\n\n" for part in parts).removesuffix("\n")


def _studies(folder: Path) -> list[Study]:
    return [
        Study(path)
        for path in sorted(folder.glob("*.md"))
        if not path.name.endswith(".docs.md")
        and path.read_text(encoding="utf-8").startswith("| ")
    ]


def _rows(block: str) -> list[list[str]]:
    """Split a table that :func:`markdown_table` has written, without its rule."""
    head, _, *lines = block.splitlines()
    return [
        [text.replace("\\|", "|") for text in _BAR.split(line[2:-2])]
        for line in (head, *lines)
    ]
