"""Modules by the names of modalities."""

from collections.abc import Mapping

import torch
from torch_geometric.nn import module_dict


class ModuleDict(module_dict.ModuleDict):
    """Hold modules under any names but the empty one.

    PyG's escapes dots and the attributes of the class, such as ``items``; here those of
    every instance are escaped as well, such as ``training``, and so are the characters
    that it escapes with, so that no two names are one.
    """

    CLASS_ATTRS = (*module_dict.ModuleDict.CLASS_ATTRS, *vars(torch.nn.ModuleDict()))

    def __init__(self, modules: Mapping[str, torch.nn.Module] | None = None) -> None:
        super().__init__()
        for name, module in (modules or {}).items():
            self[name] = module  # PyG's would escape twice

    @classmethod
    def to_internal_key(cls, key: module_dict.Key) -> str:
        """Return the name of the submodule."""
        return str(super().to_internal_key(escape(key)))

    @classmethod
    def to_external_key(cls, key: str) -> module_dict.Key:
        """Return the name that it was given."""
        return unescape(super().to_external_key(key))


def escape(key: module_dict.Key) -> module_dict.Key:
    """Escape the characters that PyG's own escaping uses."""
    if isinstance(key, str):
        for plain, escaped in _ESCAPES.items():
            key = key.replace(plain, escaped)
    return key


def unescape(key: module_dict.Key) -> module_dict.Key:
    """Undo :func:`escape`."""
    if isinstance(key, str):
        for plain, escaped in reversed(_ESCAPES.items()):
            key = key.replace(escaped, plain)
    return key


_ESCAPES = {"%": "%25", "#": "%23", "<": "%3C"}
