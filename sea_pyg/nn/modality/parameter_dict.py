"""Parameters by the names of modalities."""

from collections.abc import Mapping

import torch
from torch_geometric.nn import parameter_dict

from sea_pyg.nn.modality.module_dict import escape, unescape


class ParameterDict(parameter_dict.ParameterDict):
    """Hold parameters under any names but the empty one.

    They are escaped as :class:`~sea_pyg.nn.modality.module_dict.ModuleDict` does.
    """

    CLASS_ATTRS = {
        *parameter_dict.ParameterDict.CLASS_ATTRS,
        *vars(torch.nn.ParameterDict()),
        "_extra_state",  # a module's own entry of its state_dict
    }

    def __init__(
        self, parameters: Mapping[str, torch.nn.Parameter] | None = None
    ) -> None:
        super().__init__()
        for name, parameter in (parameters or {}).items():
            self[name] = parameter  # PyG's would escape twice

    @classmethod
    def to_internal_key(cls, key: parameter_dict.Key) -> str:
        """Return the name of the parameter."""
        return str(super().to_internal_key(escape(key)))

    @classmethod
    def to_external_key(cls, key: str) -> parameter_dict.Key:
        """Return the name that it was given."""
        return unescape(super().to_external_key(key))

    def values(self) -> list[torch.nn.Parameter]:
        """Return the parameters."""
        return [self[name] for name in self.keys()]

    def items(self) -> list[tuple[parameter_dict.Key, torch.nn.Parameter]]:
        """Return names and parameters."""
        return [(name, self[name]) for name in self.keys()]
