"""Parameters by the names of modalities."""

import torch
from torch_geometric.nn import parameter_dict

from sea_pyg.nn.modality.escaped_names import EscapedNames


class ParameterDict(EscapedNames, parameter_dict.ParameterDict):
    """Hold parameters under any names but the empty one.

    They are escaped as :class:`~sea_pyg.nn.modality.module_dict.ModuleDict` does.
    """

    CLASS_ATTRS = {
        *parameter_dict.ParameterDict.CLASS_ATTRS,
        *vars(torch.nn.ParameterDict()),
        "_extra_state",  # a module's own entry of its state_dict
    }

    def values(self) -> list[torch.nn.Parameter]:
        """Return the parameters."""
        return [self[name] for name in self.keys()]

    def items(self) -> list[tuple[parameter_dict.Key, torch.nn.Parameter]]:
        """Return names and parameters."""
        return [(name, self[name]) for name in self.keys()]
