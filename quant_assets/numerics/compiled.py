"""Numba's compiler, typed: what is compiled keeps its signature.

Compiled functions are kept on disk until their own file changes, in a folder of the user's own
(`feature_store.private_folders`), and run without the interpreter's lock. A change here does not reach the compiled
functions on disk: delete that folder, ~/.cache/asof/numba, after one.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def njit(*, error_model: Literal["python", "numpy"] = "python") -> Callable[[Function], Function]:
    """Compile a function on its first call.

    Args:
        error_model: "numpy" makes a division by zero inf or NaN, which loops need to be vectorized; "python" raises.
    """

    def compiled(function: Function) -> Function:
        dispatcher: Function = numba.njit(cache=True, nogil=True, error_model=error_model)(function)
        return dispatcher

    return compiled
