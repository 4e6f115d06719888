"""A grid's report in one HTML file that needs nothing else."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

from sea_pyg.report.element import Html, element
from sea_pyg.report.grid import relative_link
from sea_pyg.report.grid_json import environments_plain
from sea_pyg.report.grid_section import METRICS, GridSection, grid_notes
from sea_pyg.report.html_curves import Link
from sea_pyg.report.html_json import html_json
from sea_pyg.report.html_section import cells_table, html_section, paragraphs, plural
from sea_pyg.report.html_study import html_study
from sea_pyg.report.study import StudySection

_READING = (
    "mean: over users and seeds.",
    "interval over users: bootstrap of the users, values averaged over seeds.",
    "std over seeds: standard deviation of the seeds' means.",
    "p (users): paired sign-flip test over users against the reference.",
    "p: the larger of that and, where both methods have enough seeds, of the test over "
    "users and seeds.",
    "p (Holm): corrected over all rows and metrics of the data set and split; the "
    "verdict goes by it.",
    "gini: of how often items are recommended; lower is more even. cold_recall: recall "
    "of items with few training edges. novelty: higher is less popular.",
    "these trained models differ: with too few seeds the test speaks of them alone; "
    "nothing is claimed of the methods.",
    "trials: settings that were tried on validation data; the first is the published "
    "one with the options that were set. search changed: where the best trial departs "
    "from the first; not tuned: there was no trial.",
)


def sections_html(
    sections: Sequence[GridSection],
    root: str | Path,
    title: str = "Results",
    studies: Sequence[StudySection] = (),
    problems: Sequence[str] = (),
) -> str:
    """Write tables and pictures of sections that :func:`grid_sections` has made.

    The page loads nothing, and its numbers link to the JSON that has them: files of
    cells, or what was made of these, which the page holds itself. The same cells give
    the same text.

    Args:
        sections: The sections.
        root: The folder of the page, which links to the cells start from.
        title: The heading. (default: :obj:`"Results"`)
        studies: What :func:`study_sections` has found. (default: nothing)
        problems: What :func:`grid_sections` has left out, and why. (default: nothing)
    """

    def link(path: str | Path) -> str:
        return relative_link(path, root)

    every: list[GridSection | StudySection] = [*sections, *studies]
    names = [f"s{i}" for i in range(len(every))]
    contents = [
        element("li", element("a", section.title, href=f"#{name}"))
        for section, name in zip(every, names, strict=True)
    ]
    cells = sum(len(section.cells) for section in every)
    body = [
        element("h1", title),
        element(
            "p",
            f"{cells} {plural('cell', cells)}, each a model trained with one seed and "
            "tested once. A number of one cell links to its JSON file; what is made of "
            "several cells, or says how they differ, links to its JSON in this page, "
            "which links to those; a method's name links to the rows of its cells. "
            "Click a column's head to sort by it.",
        ),
        *(element("p", f"Left out: {text}", class_="note") for text in problems),
        *paragraphs(grid_notes(sections), "#json"),
        element("nav", element("ul", *contents), aria_label="Data sets"),
        *(
            html_section(section, name, link, root)
            if isinstance(section, GridSection)
            else _studies(section, name, link)
            for section, name in zip(every, names, strict=True)
        ),
        html_json("json", environments_plain(sections, root), link, root),
        element("h2", "How to read the tables"),
        element("ul", *(element("li", text) for text in _READING)),
    ]
    return _page(title, body)


def _page(title: str, body: Sequence[Html]) -> str:
    style, script = (
        Html(Path(__file__).with_name(name).read_text(encoding="utf-8"))
        for name in ("report.css", "report.js")
    )
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "img-src data:"
    )
    head = [
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element(
            "meta", name_="viewport", content="width=device-width, initial-scale=1"
        ),
        element("title", title),
        element("style", style),
    ]
    page = element(
        "html",
        element("head", *head),
        element("body", element("main", *body), element("script", script)),
        lang="en",
    )
    return f"<!DOCTYPE html>\n{page}\n"


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _studies(section: StudySection, name: str, link: Link) -> Html:
    anchors = {method: f"{name}-m{i}" for i, method in enumerate(section.methods)}
    parts = [element("h2", section.title, id=name)]
    for i, study in enumerate(section.studies):
        parts += html_study(study, section.title, f"{name}-study{i}", link)
    parts += [element("h3", "Cells"), cells_table(section, METRICS, anchors, link)]
    return element("section", *parts, aria_labelledby=name)
