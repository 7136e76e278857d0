"""What the last digits of depend on a processor's kernels, as one digest a library: run it in a fresh process."""

import feature_store  # noqa: F401, I001 -- as every entry does, before NumPy

import hashlib
import json
import math
import sys
from collections.abc import Callable
from typing import Any

import clarabel
import lightgbm
import numpy as np
import polars as pl
import scipy.linalg
import scipy.special
from hmmlearn.hmm import GaussianHMM
from numba import njit
from scipy import sparse
from sklearn.linear_model import Ridge
from statsmodels.regression.linear_model import OLS
from threadpoolctl import threadpool_limits

from feature_store.numeric_platform import in_force

RNG = np.random.default_rng(7)
X, Y = RNG.standard_normal(20_001), RNG.standard_normal((500, 231))
GRAM = Y.T @ Y + np.eye(231)


def products() -> Any:
    return (
        Y @ Y[:231],
        GRAM,
        Y @ X[:231],
        X @ X[::-1].copy(),
        Y[:, :21] @ Y[:21, :5],
        Y.astype("f4") @ Y[:231].astype("f4"),
    )


def factorizations() -> Any:
    return *np.linalg.eigh(GRAM), np.linalg.solve(GRAM, Y[0]), np.linalg.cholesky(GRAM), np.linalg.svd(Y[:100])[1]


def elementwise() -> Any:
    functions = (np.exp, np.sin, np.cos, np.tan, np.tanh, np.arctan, np.expm1, np.cbrt, lambda x: np.log(np.abs(x)))
    return *(f(X.astype(t)) for f in functions for t in ("f4", "f8")), np.abs(X) ** 0.37


def reductions() -> Any:
    return X.sum(), X.std(), X.astype("f4").sum(), Y.sum(axis=0), Y.var(axis=1), np.cumsum(X), np.cov(Y[:, :5].T)


def of_scipy() -> Any:
    factor = scipy.linalg.cho_factor(GRAM)
    return scipy.linalg.expm(GRAM[:20, :20] / 1e4), scipy.linalg.cho_solve(factor, Y[0]), scipy.special.ndtri(
        scipy.special.ndtr(X)), sparse.csr_matrix(Y > 1.5).T @ Y[:, :3]  # fmt: skip


@njit
def _recursion(x):
    level = total = 0.0
    for value in x:
        level = 0.94 * level + 0.06 * value * value
        total += math.exp(-value * value) * math.sin(value) + math.pow(abs(value), 0.3) + math.log(1 + level)
    return level, total, x.sum(), np.std(x), np.dot(x, x)


def of_numba() -> Any:
    return tuple(np.float64(value) for value in _recursion(X))


def of_sklearn() -> Any:
    return (Ridge(3.0).fit(Y[:, :21], X[:500]).coef_,)


def of_hmmlearn() -> Any:
    model = GaussianHMM(3, covariance_type="diag", random_state=1, n_iter=20).fit(np.c_[X[:600], X[1:601]])
    return model.means_, model.covars_, model.transmat_


def of_lightgbm() -> Any:
    parameters = {"num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1}
    return (lightgbm.train(parameters, lightgbm.Dataset(Y[:, :20], X[:500]), 20).predict(Y[:, :20]),)


def of_clarabel() -> Any:
    n, settings = 40, clarabel.DefaultSettings()
    settings.verbose, settings.max_threads, settings.direct_solve_method = False, 1, "qdldl"
    matrix = sparse.csc_matrix(np.r_[np.ones((1, n)), -np.eye(n)])
    cones = [clarabel.ZeroConeT(1), clarabel.NonnegativeConeT(n)]
    quadratic = sparse.csc_matrix(np.triu(GRAM[:n, :n] / 500))
    solver = clarabel.DefaultSolver(quadratic, X[:n], matrix, np.r_[1.0, np.zeros(n)], cones, settings)
    return (np.array(solver.solve().x),)


def of_statsmodels() -> Any:
    fitted = OLS(X[:500], np.c_[np.ones(500), Y[:, :3]]).fit(cov_type="HAC", cov_kwds={"maxlags": 5})
    return fitted.params, fitted.bse


def of_polars() -> Any:
    x, frame = pl.col("x"), pl.DataFrame({"x": X, "g": np.arange(len(X)) % 37})
    by_group = frame.group_by("g", maintain_order=True).agg(x.sum(), x.std().alias("s"), x.skew().alias("k"))
    return by_group.to_numpy(), frame.select(
        x.exp(), s=x.sin(), t=x.tanh(), a=x.abs().log(), p=x.abs().pow(0.3)
    ).to_numpy()


ALL: tuple[Callable[[], Any], ...] = (
    products, factorizations, elementwise, reductions, of_scipy, of_numba, of_sklearn, of_hmmlearn, of_lightgbm,
    of_clarabel, of_statsmodels, of_polars,
)  # fmt: skip


def digest(values: Any) -> str:
    found = hashlib.blake2b(digest_size=8)
    for value in values:
        found.update(np.ascontiguousarray(value).tobytes())
    return found.hexdigest()


if __name__ == "__main__":
    with threadpool_limits(1):
        digests = {function.__name__: digest(function()) for function in ALL}
    json.dump({"identity": in_force().identity, "is_pinned": in_force().is_pinned, "digests": digests}, sys.stdout)
