"""Names of modalities as attributes of a module."""

from collections.abc import Mapping
from typing import Any

_ESCAPES = {"%": "%25", "#": "%23", "<": "%3C"}
"""What PyG's own escaping uses, and what this one does."""


class EscapedNames:
    """Let PyG's dictionaries of modules and parameters hold any names but empty ones.

    They escape dots and the attributes of a class with other characters, which are
    escaped here first, so that no two names are one. It stands before PyG's class.
    """

    def __init__(self, held: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        own: Any = self
        for name, value in (held or {}).items():
            own[name] = value  # PyG's own constructor would escape twice

    @classmethod
    def to_internal_key(cls, key: Any) -> str:
        """Return the name of the attribute."""
        if isinstance(key, str):
            for plain, escaped in _ESCAPES.items():
                key = key.replace(plain, escaped)
        parent: Any = super()
        return str(parent.to_internal_key(key))

    @classmethod
    def to_external_key(cls, key: str) -> Any:
        """Return the name that it was given."""
        parent: Any = super()
        found = parent.to_external_key(key)
        if isinstance(found, str):
            for plain, escaped in reversed(_ESCAPES.items()):
                found = found.replace(escaped, plain)
        return found
