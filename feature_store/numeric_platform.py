"""One numeric platform for every entry: kernels that any x86 machine since 2013 runs (docs/adr/0015).

NumPy, OpenBLAS and Numba choose their kernels by processor when they are loaded, and the last digits by the choice.
`pin` takes the choice from them, in the environment, before they are loaded: whoever imports a package of ours runs it
first. What is in force is then read from the libraries themselves, and is a part of every fingerprint.
"""

import functools
import hashlib
import itertools
import math
import os
import platform
import struct
import sys
import warnings
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feature_store.private_folders import CACHE, numba_cache

PART = "platform"  # of every fingerprint
TARGET = "x86-64-v3"
UNPINNED = "not pinned"
KERNELS = "OpenBLAS Haswell"
DISPATCH = "X86_V3"
FEATURES = "+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+sahf,+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+xsave"
# As Linux names what x86-64-v3 demands beyond x86-64-v2; abm is lzcnt
DEMANDED = frozenset(["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"])

PINS = {
    "OPENBLAS_CORETYPE": "Haswell",  # NumPy's copy and SciPy's
    "NPY_ENABLE_CPU_FEATURES": DISPATCH,  # and nothing above, whatever later versions of NumPy know
    "NUMBA_CPU_NAME": TARGET,
    "NUMBA_CPU_FEATURES": FEATURES,  # without it Numba adds those of the processor to the name
    "NUMBA_DISABLE_INTEL_SVML": "1",  # another sine where Intel's library happens to be installed
    "ARROW_USER_SIMD_LEVEL": "AVX2",
}
UNSET = ("NPY_DISABLE_CPU_FEATURES",)  # NumPy refuses both
# No value depends on it: calculations limit threads themselves. Spinning BLAS and OpenMP threads beside another process
# cost 7 to 15 times the run time.
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}

TUNABLES = "GLIBC_TUNABLES"
HIDING = "glibc.cpu."  # tunables that choose among glibc's sines, read before a process's first instruction of its own
GOLDEN = (math.sqrt(5) - 1) / 2
SAMPLE = 256
# What Polars, LightGBM, NumPy and Numba call of the C library, and how far the sample reaches
LIBM = {
    math.exp: 9.0, math.exp2: 9.0, math.expm1: 3.0, math.log: 9.0, math.log2: 9.0, math.log10: 9.0, math.log1p: 9.0,
    math.sin: 9.0, math.cos: 9.0, math.tan: 9.0, math.asin: 1.0, math.acos: 1.0, math.atan: 9.0, math.sinh: 3.0,
    math.cosh: 3.0, math.tanh: 3.0, math.erf: 3.0, math.erfc: 3.0, math.cbrt: 9.0,
}  # fmt: skip


class NotPinnedWarning(UserWarning):
    """Values are calculated with other kernels than the pinned ones, though this machine could run those."""


@dataclass(frozen=True)
class NumericPlatform:
    """What values are calculated with, as the libraries themselves say.

    Attributes:
        machine: architecture.
        reaches_target: whether the machine runs the pinned kernels: Linux on x86-64-v3.
        blas: library and kernels, of NumPy and SciPy.
        numpy: vector instructions that NumPy dispatches to beyond its baseline.
        numba: processor that Numba compiles for, with a digest of features that are not the pinned ones.
        libm: digest of a sample of the C library's functions.
        libm_version: of the C library; no part of the identity, since the sample says what it computes.
        tunables: what `GLIBC_TUNABLES` hides of the processor from the C library.
        python: version, without its patch.
    """

    machine: str
    reaches_target: bool
    blas: tuple[tuple[str, str], ...]
    numpy: str
    numba: str
    libm: str
    libm_version: str
    tunables: str
    python: str

    @property
    def is_pinned(self) -> bool:
        """True where the pinned kernels are in force: two such machines with one `identity` give the same bits."""
        return self.reaches_target and not self.differences

    @property
    def differences(self) -> tuple[str, ...]:
        """What is in force in the place of what is pinned."""
        pairs = [*((name, kernels, KERNELS) for name, kernels in self.blas), ("numpy", self.numpy, DISPATCH)]
        pairs.append(("numba", self.numba, TARGET))
        others = tuple(f"{name}: {current} for {pinned}" for name, current, pinned in pairs if current != pinned)
        return (*others, f"libm: narrowed by {TUNABLES}={self.tunables}") if self.tunables else others

    @property
    def identity(self) -> str:
        """Canonical text: part `platform` of every fingerprint."""
        blas = ", ".join(f"{library} {kernels}" for library, kernels in self.blas)
        state = TARGET if self.is_pinned else f"{UNPINNED}, {self.machine}"
        parts = (state, f"blas {blas}", f"numpy {self.numpy}", f"numba {self.numba}", f"libm {self.libm}")
        return "; ".join((*parts, f"python {self.python}"))

    def describe(self) -> list[tuple[str, str]]:
        """Lines for people."""
        blas = [(f"BLAS of {library}", kernels) for library, kernels in self.blas]
        hidden = f", narrowed by {self.tunables}" if self.tunables else ""
        return [
            ("platform", TARGET if self.is_pinned else f"{UNPINNED}, {self.machine}"),
            *blas,
            ("vector instructions of numpy", self.numpy),
            ("target of numba", self.numba),
            ("libm", f"{self.libm_version}, sample {self.libm}{hidden}"),
            ("python", self.python),
        ]


def is_pinned(identity: str) -> bool:
    """What a stored identity says of its platform; sessions without one are held to their bits."""
    return not identity.startswith(UNPINNED)


# -- pinning -----------------------------------------------------------------------------------------------------------


def pin(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set what NumPy, OpenBLAS, Numba and Arrow read when they are loaded, over what the environment said.

    Worker processes inherit it. Where the machine does not run the pinned kernels, only threads are set.
    """
    for name, count in THREADS.items():
        environment.setdefault(name, count)
    environment[CACHE] = numba_cache(environment)
    if not reaches_target():
        return
    for name in UNSET:
        environment.pop(name, None)
    environment.update(PINS)
    _widen(environment)


def restart_if_narrowed() -> None:
    """Start this process anew, once, where `GLIBC_TUNABLES` hid the processor from the C library: it has chosen."""
    if reaches_target() and _tunables_at_start():
        _widen(os.environ)
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _widen(environment: MutableMapping[str, str]) -> None:
    """Drop the tunables that hide instructions; what else there is stays."""
    kept = [option for option in environment.get(TUNABLES, "").split(":") if option and not option.startswith(HIDING)]
    environment.pop(TUNABLES, None)
    if kept:
        environment[TUNABLES] = ":".join(kept)


@functools.cache
def reaches_target() -> bool:
    """True on Linux on a processor with the instructions of x86-64-v3."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    try:
        return demanded_are_among(Path("/proc/cpuinfo").read_text())
    except OSError:
        return False


def demanded_are_among(cpuinfo: str) -> bool:
    flags = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    return set(flags.split()) >= DEMANDED


# -- what is in force --------------------------------------------------------------------------------------------------


@functools.cache
def in_force() -> NumericPlatform:
    """What this process calculates with; loads NumPy, SciPy and Numba where they are not."""
    return NumericPlatform(
        machine=platform.machine(),
        reaches_target=reaches_target(),
        blas=_blas_in_force(),
        numpy=_numpy_dispatch(),
        numba=_numba_target(),
        libm=_libm_sample(),
        libm_version=" ".join(platform.libc_ver()) or "unknown",
        tunables=_tunables_at_start(),
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
    )


def warn_unless_in_force() -> None:
    """Say, once a process, that other kernels are in force than the pinned ones, and the fix.

    Silent on a machine that cannot run those: the store records what it is, and compares within rounding.
    """
    current = in_force()
    if current.reaches_target and not current.is_pinned:
        warnings.warn(advice(current), NotPinnedWarning, stacklevel=2)


def advice(current: NumericPlatform) -> str:
    """What is not as pinned, and what to do."""
    return (
        f"values are not calculated on the pinned platform {TARGET} ({'; '.join(current.differences)}), and sessions "
        f"stored by others are stale here; import feature_store before numpy, scipy and numba, with "
        f"{TUNABLES} unset and the wheels of constraints.txt, or start with `asof`"
    )


def _blas_in_force() -> tuple[tuple[str, str], ...]:
    import numpy as np  # noqa: PLC0415 -- after the pins
    import scipy.linalg  # noqa: PLC0415
    from threadpoolctl import threadpool_info  # noqa: PLC0415

    packages = {"numpy": Path(np.__file__).resolve().parent, "scipy": Path(scipy.__file__).resolve().parent}
    return blas_of(packages, [one for one in threadpool_info() if one["user_api"] == "blas"])


def blas_of(packages: Mapping[str, Path], loaded: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Kernels of each package's own BLAS, or of all that came from elsewhere.

    Args:
        loaded: as threadpoolctl describes libraries.
    """
    kernels_of = []
    for name, folder in packages.items():
        own = [one for one in loaded if _is_bundled(Path(one["filepath"]), folder)]
        kernels_of += [(name, _kernels(one)) for one in own]
        if not own:
            unexpected = [
                one for one in loaded if not any(_is_bundled(Path(one["filepath"]), f) for f in packages.values())
            ]
            kernels = sorted({f"{_kernels(one)} {one.get('version')}" for one in unexpected})
            kernels_of.append((name, ", ".join(kernels) or "unknown"))
    return tuple(kernels_of)


def _is_bundled(library: Path, package: Path) -> bool:
    """In the package, or in the folder that wheels keep beside it."""
    return library.is_relative_to(package) or library.parent == package.with_name(f"{package.name}.libs")


def _kernels(library: Mapping[str, Any]) -> str:
    name = {"openblas": "OpenBLAS"}.get(library["internal_api"], library["internal_api"])
    return f"{name} {library.get('architecture', 'unknown')}"


def _numpy_dispatch() -> str:
    from numpy._core._multiarray_umath import (  # type: ignore[import-not-found]  # noqa: PLC0415
        __cpu_baseline__,
        __cpu_dispatch__,
        __cpu_features__,
    )

    return "+".join(name for name in __cpu_dispatch__ if __cpu_features__[name]) or "+".join(__cpu_baseline__)


def _numba_target() -> str:
    from numba import config  # noqa: PLC0415
    from numba.core.registry import cpu_target  # noqa: PLC0415

    if config.DISABLE_JIT:
        return "none (NUMBA_DISABLE_JIT)"
    _, name, features = cpu_target.target_context.codegen().magic_tuple()
    return numba_text(name, features, bool(config.USING_SVML))


def numba_text(name: str, features: str, svml: bool) -> str:
    """Target in short: features that are not the pinned ones by a digest."""
    other = "" if features == FEATURES else f" features {_digest(features.encode())}"
    return f"{name}{other}{' with SVML' if svml else ''}"


def _libm_sample() -> str:
    """Digest of what the C library computes: glibc has several of most functions, and versions differ."""
    points = [(i * GOLDEN) % 1.0 for i in range(1, SAMPLE + 1)]
    values = [function(reach * x) for function, reach in LIBM.items() for x in points]
    values += [math.pow(1 + x, 9 * x - 4) for x in points]
    values += [math.atan2(x, y) for x, y in itertools.pairwise(points)]
    return _digest(struct.pack(f"<{len(values)}d", *values))


def _tunables_at_start() -> str:
    """What hid instructions when this process began: what the environment says by now is too late."""
    try:
        start = Path("/proc/self/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    options = next((line.removeprefix(f"{TUNABLES}=") for line in start if line.startswith(f"{TUNABLES}=")), "")
    return ":".join(option for option in options.split(":") if option.startswith(HIDING))


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=4).hexdigest()
