"""How the C library hands memory back to the system."""

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # as in glibc's malloc.h


def keep_freed_memory() -> bool:
    """Let the process keep the memory that it frees, and use it again.

    By default glibc maps every tensor above 32 MiB afresh and unmaps it when it is
    freed, so that each training step on a CPU has the kernel clear all its pages anew.
    That can take as long as the step's own arithmetic. Afterwards tensors up to 1 GiB
    come from the process's own heap, which no longer shrinks.

    The setting is the whole process's, so importing the library leaves it alone; the
    ``sea-pyg`` command makes it.

    Returns:
        Whether it was set: false where the C library is not glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    keep = mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    return bool(mallopt(_M_MMAP_THRESHOLD, 2**30) and keep)
