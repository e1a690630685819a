"""What the processor of this machine can do."""

from __future__ import annotations

import functools
import platform


@functools.cache
def host_features() -> frozenset[str]:
    """What the processor of this machine can do, in LLVM's names."""
    import llvmlite.binding as llvm

    features = {name for name, there in llvm.get_host_cpu_features().items() if there}
    return frozenset(features | {"fma"} if platform.machine().lower() in ("arm64", "aarch64") else features)
