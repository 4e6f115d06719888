"""HTML that escapes what it is not told to be HTML."""

from html import escape


class Html(str):
    """Text that is HTML already and is not escaped again."""

    __slots__ = ()


_VOID = ("meta", "br", "img")


def element(
    name: str, *children: str, **attributes: str | int | float | bool | None
) -> Html:
    """Write an element; children and attributes are escaped.

    Args:
        name: The tag.
        children: What stands in it; :class:`Html` is taken as it is.
        attributes: Its attributes: ``class_`` is ``class`` and ``data_value``
            ``data-value``; ``None`` and ``False`` leave one out, and ``True`` gives it
            no value.
    """
    start = name
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        start += " " + key.rstrip("_").replace("_", "-")
        if value is not True:
            start += f'="{escape(str(value))}"'
    if name in _VOID:
        return Html(f"<{start}>")
    return Html(f"<{start}>{join(*children)}</{name}>")


def join(*children: str, by: str = "") -> Html:
    """Put pieces beside each other; those that are no :class:`Html` are escaped."""
    return Html(by.join(c if isinstance(c, Html) else escape(c) for c in children))
