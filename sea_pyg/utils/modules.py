"""What is known of a module without calling it."""

from torch.nn import Module


def is_unmodified(module: Module, kind: type[Module]) -> bool:
    """Return whether calling a module computes what its class does, and no more.

    That is not so for a subclass, such as a parametrised module, nor with hooks, by
    which pruning and weight normalisation work.
    """
    hooks = (
        module._forward_hooks,
        module._forward_pre_hooks,
        module._backward_hooks,
        module._backward_pre_hooks,
    )
    return type(module) is kind and not any(hooks) and "forward" not in vars(module)
