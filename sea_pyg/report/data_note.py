"""Whether cells beside each other were made from the same data."""

from collections.abc import Mapping, Sequence

from sea_pyg.report.cell import Cell


def data_note(methods: Mapping[str, Sequence[Cell]]) -> list[str]:
    """Say where cells were made from other data than others.

    Args:
        methods: The cells of every method.

    Returns:
        One paragraph, or nothing if all are of the same.
    """
    made: dict[str, dict[str, list[str]]] = {}
    names = dict.fromkeys(
        key
        for cells in methods.values()
        for cell in cells
        for key in cell.plain["data_fingerprint"]
    )
    for key in names:
        for method, cells in methods.items():
            for cell in cells:
                found = cell.plain["data_fingerprint"].get(key)
                digest = "missing" if found is None else f"{found[:6]}…"
                of_it = made.setdefault(key, {}).setdefault(digest, [])
                if method not in of_it:
                    of_it.append(method)
    texts = [
        f"{key} is "
        + "; ".join(f"{digest} for {', '.join(m)}" for digest, m in found.items())
        for key, found in made.items()
        if len(found) > 1
    ]
    if not texts:
        return []
    same = len(made.get("interactions", {})) == 1
    start = (
        "The features differ, the interactions do not" if same else "The data differ"
    )
    return [f"{start} (SHA-256): {'. '.join(texts)}."]
