import json
import os
import re
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from feature_store import numeric_platform
from feature_store.numeric_platform import (
    DISPATCH,
    FEATURES,
    KERNELS,
    PINS,
    TARGET,
    THREADS,
    TUNABLES,
    NotPinnedWarning,
    NumericPlatform,
    blas_of,
    in_force,
    is_pinned,
    numba_text,
    pin,
    reaches_target,
    warn_unless_in_force,
)
from quant_assets.engine.workers import workers

REPOSITORY = Path(__file__).parents[2]
PINNED = NumericPlatform(
    machine="x86_64",
    reaches_target=True,
    blas=(("numpy", KERNELS), ("scipy", KERNELS)),
    numpy=DISPATCH,
    numba=TARGET,
    libm="0e5df06d",
    libm_version="glibc 2.36",
    tunables="",
    python="3.11",
)
ARM = replace(
    PINNED, machine="aarch64", reaches_target=False, numpy="ASIMDDP", numba="neoverse-n1 features 1a2b3c4d",
    blas=(("numpy", "OpenBLAS neoversen1"), ("scipy", "OpenBLAS neoversen1")), libm="99999999",
)  # fmt: skip
LATE = replace(PINNED, blas=(("numpy", "OpenBLAS SkylakeX"), ("scipy", KERNELS)), numpy="X86_V3+X86_V4")
NO_FMA = "glibc.cpu.hwcaps=-FMA,-AVX2,-AVX2_Usable"
HOSTILE = {
    "Haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "narrow": {
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR X86_V3",
        "NUMBA_CPU_NAME": "x86-64-v2",
        "OPENBLAS_CORETYPE": "Nehalem",
        "OMP_NUM_THREADS": "3",
    },
    "wide": {"OPENBLAS_CORETYPE": "SkylakeX", "NPY_ENABLE_CPU_FEATURES": "X86_V3", "NUMBA_CPU_FEATURES": "+avx2"},
}
on_the_target = pytest.mark.skipif(not reaches_target(), reason=f"this machine does not run {TARGET}")


def untouched() -> dict[str, str]:
    """The environment without what pinning has set in this process."""
    ours = {*PINS, *THREADS, TUNABLES}
    return {name: value for name, value in os.environ.items() if name not in ours}


def fresh(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A Python process that knows nothing of this one."""
    told = untouched() | environment
    return subprocess.run(
        [sys.executable, *words], cwd=REPOSITORY, env=told, capture_output=True, text=True, check=False
    )


def kernels(**environment: str) -> dict[str, object]:
    answer = fresh("-m", "tests.feature_store.kernels", **environment)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


@pytest.fixture(scope="module")
def here() -> dict[str, object]:
    return kernels()


# -- known values ------------------------------------------------------------------------------------------------------


@on_the_target
def test_the_tests_themselves_run_on_the_pinned_platform() -> None:
    found = in_force()
    assert found.is_pinned, found.differences
    assert found.identity == replace(PINNED, libm=found.libm).identity
    assert is_pinned(found.identity)


def test_the_identity_says_what_is_in_force_and_begins_with_whether_it_is_pinned() -> None:
    assert PINNED.identity == (
        "x86-64-v3; blas numpy OpenBLAS Haswell, scipy OpenBLAS Haswell; numpy X86_V3; numba x86-64-v3; "
        "libm 0e5df06d; python 3.11"
    )
    assert LATE.identity.startswith("not pinned, x86_64; blas numpy OpenBLAS SkylakeX, scipy OpenBLAS Haswell")
    assert not is_pinned(LATE.identity)


def test_a_machine_of_another_architecture_is_described_as_it_is() -> None:
    assert not ARM.is_pinned
    assert ARM.identity.startswith("not pinned, aarch64; blas numpy OpenBLAS neoversen1")
    assert dict(ARM.describe())["platform"] == "not pinned, aarch64"
    assert dict(ARM.describe())["target of numba"] == "neoverse-n1 features 1a2b3c4d"


def test_a_platform_that_differs_in_one_thing_says_which() -> None:
    assert PINNED.differences == ()
    assert LATE.differences == (
        "numpy: OpenBLAS SkylakeX for OpenBLAS Haswell",
        "numpy: X86_V3+X86_V4 for X86_V3",
    )
    narrowed = replace(PINNED, tunables=NO_FMA)
    assert narrowed.differences == (f"libm: narrowed by {TUNABLES}={NO_FMA}",)
    assert dict(narrowed.describe())["libm"].endswith(f"narrowed by {NO_FMA}")


def test_the_kernels_of_a_package_are_those_of_its_own_library() -> None:
    packages = {"numpy": Path("/site/numpy"), "scipy": Path("/site/scipy")}
    wheels = [
        {"filepath": "/site/numpy.libs/a.so", "internal_api": "openblas", "architecture": "Haswell", "version": "1"},
        {"filepath": "/site/scipy/.dylibs/b.so", "internal_api": "openblas", "architecture": "Zen", "version": "1"},
        {"filepath": "/site/scs.libs/c.so", "internal_api": "openblas", "architecture": "Nehalem", "version": "1"},
    ]
    assert blas_of(packages, wheels) == (("numpy", "OpenBLAS Haswell"), ("scipy", "OpenBLAS Zen"))
    shared = [{"filepath": "/lib/libmkl.so", "internal_api": "mkl", "version": "2025.1"}]
    assert blas_of(packages, shared) == (("numpy", "mkl unknown 2025.1"), ("scipy", "mkl unknown 2025.1"))
    assert blas_of(packages, []) == (("numpy", "unknown"), ("scipy", "unknown"))


def test_features_beyond_the_pinned_ones_are_part_of_the_target_of_numba() -> None:
    assert numba_text(TARGET, FEATURES, svml=False) == TARGET
    assert re.fullmatch(r"x86-64-v3 features [0-9a-f]{8}", numba_text(TARGET, f"{FEATURES},+avx512f", svml=False))
    assert numba_text(TARGET, FEATURES, svml=True) == f"{TARGET} with SVML"


@pytest.mark.parametrize(
    ("flags", "reaches"),
    [
        ("avx avx2 bmi1 bmi2 f16c fma abm movbe xsave sse", True),
        ("avx bmi1 f16c fma abm movbe xsave", False),
        ("", False),
    ],
)
def test_a_processor_reaches_the_target_with_all_of_its_instructions(flags: str, reaches: bool) -> None:
    assert numeric_platform.demanded_are_among(f"model name : any\nflags\t\t: {flags}\n") is reaches


def test_pinning_overrides_kernels_and_leaves_threads_to_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numeric_platform, "reaches_target", lambda: True)
    environment = HOSTILE["narrow"] | {TUNABLES: f"{NO_FMA}:glibc.malloc.check=0"}
    pin(environment)
    assert PINS.items() <= environment.items()
    assert environment.keys() == {*PINS, *THREADS, TUNABLES, "NUMBA_CACHE_DIR"}
    assert environment["OMP_NUM_THREADS"] == "3"
    assert environment["OPENBLAS_NUM_THREADS"] == "1"
    assert environment[TUNABLES] == "glibc.malloc.check=0"


def test_pinning_twice_is_pinning_once() -> None:
    once: dict[str, str] = {}
    pin(once)
    twice = dict(once)
    pin(twice)
    assert twice == once


# -- properties --------------------------------------------------------------------------------------------------------


@on_the_target
@pytest.mark.parametrize("environment", HOSTILE.values(), ids=HOSTILE)
def test_no_environment_moves_a_bit_of_any_library(here: dict[str, object], environment: dict[str, str]) -> None:
    assert here["is_pinned"]
    assert kernels(**environment) == here


@on_the_target
def test_the_digests_see_kernels_that_are_not_pinned(here: dict[str, object]) -> None:
    late = "import runpy, numpy, scipy.linalg; runpy.run_module('tests.feature_store.kernels', run_name='__main__')"
    answer = fresh("-c", late, **HOSTILE["narrow"])
    found = json.loads(answer.stdout)
    moved = {name for name, digest in found["digests"].items() if digest != here["digests"][name]}
    assert {"products", "factorizations", "of_scipy", "of_sklearn", "of_hmmlearn", "of_clarabel"} <= moved
    assert not found["is_pinned"]
    assert "blas numpy OpenBLAS Nehalem" in found["identity"]


@on_the_target
@pytest.mark.parametrize(
    "code",
    [
        "import configs.load, feature_store.store",
        "import quant_resources.home",
        "import quant_assets.definitions",
        "import benchmarks.features",
        "from quant_assets.cli import app",
    ],
)
def test_every_entry_pins_before_numpy_is_loaded(code: str, tmp_path: Path) -> None:
    asked = f"{code}; from feature_store.numeric_platform import in_force; print(in_force().is_pinned)"
    answer = fresh("-W", "error::UserWarning:feature_store", "-c", asked, ASOF_HOME=str(tmp_path), **HOSTILE["narrow"])
    assert answer.stdout.strip().endswith("True"), answer.stderr


@on_the_target
def test_the_command_line_starts_anew_where_the_c_library_was_narrowed(tmp_path: Path) -> None:
    answer = fresh("-m", "quant_assets.cli.app", "doctor", "--json", ASOF_HOME=str(tmp_path), **{TUNABLES: NO_FMA})
    libm = {row["what"]: row["value"] for row in json.loads(answer.stdout)}["libm"]
    assert libm.endswith(f"sample {in_force().libm}")


@on_the_target
def test_a_process_that_cannot_start_anew_says_that_the_c_library_is_narrowed() -> None:
    code = "import feature_store.numeric_platform as n; p = n.in_force(); print(p.is_pinned, p.libm, p.tunables)"
    pinned, libm, tunables = fresh("-c", code, **{TUNABLES: NO_FMA}).stdout.split()
    assert (pinned, tunables) == ("False", NO_FMA)
    assert libm != in_force().libm


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_kernels_that_are_not_in_force_are_warned_of_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numeric_platform, "in_force", lambda: LATE)
    with pytest.warns(NotPinnedWarning, match=r"OpenBLAS SkylakeX for .* import feature_store before numpy"):
        warn_unless_in_force()


@pytest.mark.parametrize("platform", [PINNED, ARM], ids=["pinned", "cannot be"])
def test_what_nobody_can_fix_is_not_warned_of(platform: NumericPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numeric_platform, "in_force", lambda: platform)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_unless_in_force()


def test_workers_that_would_calculate_otherwise_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quant_assets.engine.workers.in_force", lambda: LATE)
    with pytest.raises(RuntimeError, match=r"2 worker processes .* OpenBLAS SkylakeX"), workers(2):
        pass


def test_a_machine_that_does_not_run_the_kernels_is_not_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numeric_platform, "reaches_target", lambda: False)
    environment: dict[str, str] = {"OPENBLAS_CORETYPE": "Nehalem", "NUMBA_CACHE_DIR": "mine"}
    pin(environment)
    assert environment == {"OPENBLAS_CORETYPE": "Nehalem", "NUMBA_CACHE_DIR": "mine", **THREADS}
