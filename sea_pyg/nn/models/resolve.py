"""Model classes by name, as the command line takes them."""

import inspect

import sea_pyg.nn.models as models
from sea_pyg.nn.models.recommender import Recommender
from sea_pyg.utils import closest, import_object


def resolve(name: str) -> type[Recommender]:
    """Return the model class of this name.

    Args:
        name: A model of :mod:`sea_pyg.nn.models`, in whatever case, or where one of
            your own stands, as ``package.module.Class``; the module is imported.

    Raises:
        ValueError: If there is none.
        ImportError: If the module cannot import what it needs.
    """
    if "." in name:
        found = import_object(name)
        if not (isinstance(found, type) and issubclass(found, Recommender)):
            raise ValueError(
                f"{name!r} is no model; name a subclass of sea_pyg.nn.models."
                f"Recommender (got {found!r})"
            )
        if inspect.isabstract(found):
            missing = ", ".join(sorted(found.__abstractmethods__))
            raise ValueError(f"the model {name!r} does not implement {missing}")
        return found
    classes = {key.lower(): key for key in models.classes}
    if name.lower() not in classes:
        raise ValueError(
            f"no model {name!r} (one of your own is named as package.module.Class); "
            f"{closest(name, classes)}"
        )
    model: type[Recommender] = getattr(models, classes[name.lower()])
    return model


def model_name(model: type[Recommender]) -> str:
    """Return the name by which :func:`resolve` finds a class.

    It finds none that was made within a function.
    """
    name = model.__name__
    if getattr(models, name, None) is model:
        return name
    return f"{model.__module__}.{model.__qualname__}"
