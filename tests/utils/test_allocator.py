import platform
import subprocess
import sys

import pytest

PROGRAM = """
import torch
from sea_pyg.utils import keep_freed_memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

before = resident()
if {set}:
    assert keep_freed_memory()
x = torch.ones(2**24)  # 64 MiB
del x
print(resident() - before)
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or not sys.platform.startswith("linux"),
    reason="only glibc has the setting, and Linux says what is resident",
)
@pytest.mark.parametrize("is_set", [False, True])
def test_freed_memory_is_kept(is_set: bool) -> None:
    program = PROGRAM.format(set=is_set)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert (int(done.stdout) > 2**25) == is_set
