"""Parameters by the names of modalities."""

import torch
from torch_geometric.nn import parameter_dict


class ParameterDict(parameter_dict.ParameterDict):
    """Hold parameters under any names but the empty one.

    They are escaped as :class:`~sea_pyg.nn.modality.module_dict.ModuleDict` does.
    """

    CLASS_ATTRS = {
        *parameter_dict.ParameterDict.CLASS_ATTRS,
        *vars(torch.nn.ParameterDict()),
        "_extra_state",  # a module's own entry of its state_dict
    }
