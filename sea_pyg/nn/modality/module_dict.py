"""Modules by the names of modalities."""

import torch
from torch_geometric.nn import module_dict

from sea_pyg.nn.modality.escaped_names import EscapedNames


class ModuleDict(EscapedNames, module_dict.ModuleDict):
    """Hold modules under any names but the empty one.

    PyG's escapes dots and the attributes of the class, such as ``items``; here those of
    every instance are escaped as well, such as ``training``.
    """

    CLASS_ATTRS = (*module_dict.ModuleDict.CLASS_ATTRS, *vars(torch.nn.ModuleDict()))
