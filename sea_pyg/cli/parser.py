"""The flags of every command."""

from jsonargparse import ArgumentParser

from sea_pyg import __version__


def make_parser() -> ArgumentParser:
    """Return the parser of the command line; it raises instead of exiting."""
    parser = _parser("Multimedia recommendation with separate learning (SEA).")
    parser.prog = "sea-pyg"
    parser.add_argument("--version", action="version", version=f"sea-pyg {__version__}")
    commands = parser.add_subcommands(dest="command", required=True)
    commands.add_subcommand("train", _train(), help="train a model on a data set")
    commands.add_subcommand(
        "tune", _tune(), help="search for a model's settings on validation data"
    )
    commands.add_subcommand(
        "evaluate", _evaluate(), help="evaluate a trained model again"
    )
    commands.add_subcommand(
        "recommend",
        _recommend(),
        help="list the best items that some users do not have",
    )
    commands.add_subcommand("inspect", _inspect(), help="describe a data set")
    commands.add_subcommand(
        "compare", _compare(), help="test which of several runs is better"
    )
    commands.add_subcommand(
        "report", _report(), help="write tables and pictures of a grid to one file"
    )
    return parser


def _parser(description: str) -> ArgumentParser:
    return ArgumentParser(description=description, exit_on_error=False)


def _finish(parser: ArgumentParser) -> ArgumentParser:
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object as the last line"
    )
    return parser


def _data_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--modalities",
        type=str | None,
        help="modalities to use, as a,b (default: all)",
    )
    parser.add_argument(
        "--split",
        type=str | None,
        help="label, random, leave-last-out or global-time (default: label where the "
        "data is labelled, else random)",
    )
    parser.add_argument(
        "--split-seed", type=int, help="seed of a random split (default: 0)"
    )


def _model_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        type=str | None,
        help="the model, or your own as package.module.Class (default: sea)",
    )
    parser.add_argument(
        "--separate",
        action="store_true",
        help="attach separate learning to the model; --set separate.KEY=VALUE",
    )
    _data_options(parser)
    parser.add_argument("--seed", type=int, help="the seed (default: 0)")
    parser.add_argument("--max-epochs", type=int, help="epochs at most (default: 1000)")
    parser.add_argument("--precision", type=str | None, help="32 or bf16-mixed")
    parser.add_argument("--device", type=str | None, help="auto, cpu or cuda")
    parser.add_argument(
        "--set",
        action="append",
        metavar="KEY=VALUE",
        help="a hyper-parameter of the model or an option of training",
    )
    parser.add_argument(
        "--no-progress", action="store_true", help="show no progress bar"
    )


def _train() -> ArgumentParser:
    parser = _parser("Train a model; the best epoch by validation is tested.")
    parser.add_argument(
        "data", type=str | None, nargs="?", help="name or folder of a data set"
    )
    _model_options(parser)
    parser.add_argument(
        "--out", type=str | None, help="the run directory (default: a new one in runs/)"
    )
    parser.add_argument(
        "--resume",
        type=str | None,
        help="go on with the run in this directory; DATA tells where its data has "
        "moved to, or what to start with if the directory is empty",
    )
    return _finish(parser)


def _tune() -> ArgumentParser:
    parser = _parser(
        "Search for a model's settings on validation data; the test data is not read."
    )
    parser.add_argument("data", type=str, help="name or folder of a data set")
    _model_options(parser)
    parser.add_argument(
        "--trials", type=int, default=20, help="settings to try, the published first"
    )
    parser.add_argument(
        "--search",
        action="append",
        metavar="KEY=VALUES",
        help="what is searched, in place of the model's own space: values as 1,2,3 or "
        "a range as 1e-4..1e-2, on a logarithmic scale",
    )
    parser.add_argument(
        "--out",
        type=str | None,
        help="where trials are kept; a search that is there goes on (default: "
        "runs/tune-MODEL-DATA)",
    )
    return _finish(parser)


def _run_options(parser: ArgumentParser) -> None:
    parser.add_argument("run_dir", type=str, help="what `sea-pyg train` has written")
    parser.add_argument(
        "--data", type=str | None, help="where the data is now (default: where it was)"
    )


def _evaluate() -> ArgumentParser:
    parser = _parser("Evaluate a trained model.")
    _run_options(parser)
    parser.add_argument("--on", type=str, default="test", help="test or val")
    parser.add_argument("-k", type=str, default="10,20", help="lengths of the ranking")
    parser.add_argument(
        "--exclude", type=str, default="train", help="train, train+val or none"
    )
    parser.add_argument(
        "--beyond-accuracy",
        action="store_true",
        help="also coverage, Gini index, novelty and recall of cold items",
    )
    return _finish(parser)


def _recommend() -> ArgumentParser:
    parser = _parser("List the best items that the users do not have.")
    _run_options(parser)
    parser.add_argument(
        "--users", type=str, required=True, help="rows of the users from 0, as 1,2,3"
    )
    parser.add_argument("-k", type=int, default=10, help="items per user")
    parser.add_argument(
        "--exclude",
        type=str,
        default="all",
        help="which of a user's items are left out: all, train, train+val or none",
    )
    return _finish(parser)


def _inspect() -> ArgumentParser:
    parser = _parser("Describe a data set and check its features.")
    parser.add_argument("data", type=str, help="name or folder of a data set")
    _data_options(parser)
    return _finish(parser)


def _compare() -> ArgumentParser:
    parser = _parser("Compare the test results of runs, user by user.")
    parser.add_argument(
        "runs",
        type=str,
        nargs="+",
        help="run directories; the others are tested against the method of the first",
    )
    parser.add_argument(
        "--metric", type=str, default="recall@20", help="the metrics to compare, as a,b"
    )
    return _finish(parser)


def _report() -> ArgumentParser:
    parser = _parser(
        "Write a grid's tables and pictures to one HTML file, which loads nothing."
    )
    parser.add_argument(
        "results_dir",
        type=str,
        help="the --out of `benchmarks/compare.py`, or a folder above several",
    )
    parser.add_argument(
        "--out",
        type=str | None,
        help="the HTML file (default: report.html in RESULTS_DIR)",
    )
    parser.add_argument(
        "--markdown", type=str | None, help="write the tables to this file as well"
    )
    parser.add_argument(
        "--metric",
        type=str,
        default="recall@20,ndcg@20",
        help="the metrics to compare, as a,b; the first one chooses the reference",
    )
    return _finish(parser)
