"""Write one API page per package, with everything in its `classes` or `__all__`."""

import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

PACKAGES = {
    "Graph": ["sea_pyg.datasets", "sea_pyg.transforms", "sea_pyg.loader"],
    "Modules": [
        "sea_pyg.nn.conv",
        "sea_pyg.nn.modality",
        "sea_pyg.nn.mi",
        "sea_pyg.nn.loss",
        "sea_pyg.nn.functional",
    ],
    "Recommenders": ["sea_pyg.nn.models"],
    "Evaluation, training, report": [
        "sea_pyg.metrics",
        "sea_pyg.evaluation",
        "sea_pyg.training",
        "sea_pyg.report",
    ],
    "Foundations": ["sea_pyg.typing", "sea_pyg.utils"],
}


def write(folder: Path, load: Callable[[str], ModuleType]) -> None:
    """Write `index.rst` and a page per package into the folder."""
    folder.mkdir(exist_ok=True)
    index = ["API", "===", ""]
    for title, names in PACKAGES.items():
        index += [".. toctree::", f"   :caption: {title}", "   :maxdepth: 1", ""]
        for name in names:
            index.append(f"   {name}")
            _write(folder / f"{name}.rst", _page(name, load(name)))
        index.append("")
    _write(folder / "index.rst", index)


def _page(name: str, module: ModuleType) -> list[str]:
    public = list(getattr(module, "classes", ()))
    public += [key for key in _exported(module) if key not in public]
    described = [key for key in public if _is_api(getattr(module, key))]
    page = [name, "=" * len(name), "", f".. automodule:: {name}", "   :no-members:"]
    page += ["", f".. currentmodule:: {name}", "", ".. autosummary::", ""]
    page += [f"   {key}" for key in described] + [""]
    for key in described:
        kind = "class" if inspect.isclass(getattr(module, key)) else "function"
        page += [f".. auto{kind}:: {key}", ""]
    return page


def _exported(module: ModuleType) -> list[str]:
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and getattr(value, "__module__", "") == module.__name__
    ]


def _is_api(value: object) -> bool:
    ours = str(getattr(value, "__module__", "")).startswith("sea_pyg")
    return ours and (inspect.isclass(value) or inspect.isfunction(value))


def _write(path: Path, lines: list[str]) -> None:
    content = "\n".join(lines) + "\n"
    # An unchanged page keeps its time, so that it is not built again.
    if not path.exists() or path.read_text() != content:
        path.write_text(content)


def write_help(path: Path) -> None:
    """Write the help text of the command line and of each of its commands."""
    from sea_pyg.cli.parser import make_parser

    parser = make_parser()
    texts = {"sea-pyg": parser.format_help()}
    for name in ("train", "evaluate", "recommend", "inspect", "compare", "report"):
        command = parser._subcommands_action._name_parser_map[name]
        texts[f"sea-pyg {name}"] = command.format_help()
    lines = []
    for title, text in texts.items():
        lines += [f"### `{title}`", "", "```text", text.strip(), "```", ""]
    _write(path, lines)
