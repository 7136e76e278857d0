"""Planted DCC(1,1) panels over seeds: how often a and b are met within two standard errors, and how long fits take.

Returns of five series over 1,000 sessions with a, b = .04, .93 and GARCH(1,1) variances, fitted by the full likelihood
and by that of pairs; a panel of 49 series over 252 sessions, where the full likelihood is biased; and a flat one, whose
correlations never move. Seconds are of 49 series over 1,000 sessions, the second step beside the variances of `arch`;
rmgarch takes 12 s for both, xdcclarge .7 s for the second alone. Exits 1 where either of a and b lies within two
standard errors in less than 90 % of the seeds of the full likelihood, where pairs are no nearer to the truth on the
short panel, or where a fit is slower than these. `--json` for programs.
"""

import argparse
import sys
import time

import numpy as np

from benchmarks._figures import tell
from quant_assets.numerics.garch import fit_garch
from quant_assets.regimes.detectors import dcc
from quant_assets.regimes.detectors.dcc import _full, _maximum, _pairs, _residuals, _standard_errors

A, B, GARCH = 0.04, 0.93, (0.05, 0.06, 0.88)
SHORT_A, SHORT_B = 0.03, 0.95
BURN_IN = 200


def panel(seed, n_sessions, n, a, b, correlation=0.5):
    """(T, N) returns around one volatility of 1 %, all pairs with one mean correlation."""
    rng = np.random.default_rng(seed)
    omega, alpha, beta = GARCH
    r_bar = np.full((n, n), correlation) + (1 - correlation) * np.eye(n)
    q, h = r_bar.copy(), np.full(n, omega / (1 - alpha - beta))
    returns = np.empty((n_sessions + BURN_IN, n))
    for t in range(len(returns)):
        scale = np.diag(q) ** -0.5
        e = np.linalg.cholesky(q * np.outer(scale, scale)) @ rng.normal(size=n)
        returns[t] = np.sqrt(h) * e
        q = (1 - a - b) * r_bar + a * np.outer(e, e) + b * q
        h = omega + alpha * returns[t] ** 2 + beta * h
    return 0.01 * returns[BURN_IN:]


def coverage(seeds, composite):
    """Fractions of seeds with a and with b within two standard errors, and their mean estimates."""
    fits = [dcc.fit(panel(seed + 1, 1000, 5, A, B), composite=composite) for seed in range(seeds)]
    distance = np.array([[f.a - A, f.b - B] for f in fits])
    errors = np.array([f.standard_errors for f in fits])
    within = np.abs(distance) <= 2 * errors
    return within.mean(axis=0), distance.mean(axis=0) + np.array([A, B]), np.mean([f.converged for f in fits])


def measure(seeds):
    figures = {}
    for name, composite in {"full": False, "pairs": True}.items():
        within, mean, converged = coverage(seeds, composite)
        figures |= {
            f"{name}: a within two standard errors": within[0],
            f"{name}: b within two standard errors": within[1],
            f"{name}: mean a of {A}": mean[0],
            f"{name}: mean b of {B}": mean[1],
            f"{name}: converged": converged,
        }
    short = [panel(seed + 1, 252, 49, SHORT_A, SHORT_B) for seed in range(max(1, seeds // 10))]
    for name, composite in {"full": False, "pairs": True}.items():
        fits = [dcc.fit(x, composite=composite) for x in short]
        figures[f"49 series x 252, {name}: mean a of {SHORT_A}"] = np.mean([f.a for f in fits])
        figures[f"49 series x 252, {name}: mean b of {SHORT_B}"] = np.mean([f.b for f in fits])
    return figures | flat(seeds) | seconds()


def flat(seeds):
    """Largest standard deviation of any correlation over time, where the true ones stand still: mean over seeds."""
    moved = []
    for seed in range(max(1, seeds // 4)):
        x = panel(seed + 1, 1000, 5, 0.0, 0.0)
        moved.append(dcc.forecast_correlations(x, dcc.fit(x)).std(axis=0).max())
    return {"flat: standard deviation of correlations over time": np.mean(moved)}


def seconds():
    x = panel(1, 1000, 49, A, B)
    dcc.fit(x[:100, :3])
    dcc.fit(x[:100, :3], composite=True)
    begin = time.perf_counter()
    univariate = [fit_garch(one) for one in x.T]
    variances = time.perf_counter() - begin
    names = ("omega", "alpha", "beta", "initial_variance")
    residuals = _residuals(x, *(np.array([getattr(one, name) for one in univariate]) for name in names))[0]
    q_bar = np.cov(residuals, rowvar=False)
    figures = {"49 x 1,000: variances by arch, s": variances}
    for name, likelihood in {"pairs": _pairs, "full": _full}.items():
        begin = time.perf_counter()
        a, b, _ = _maximum(likelihood, residuals, q_bar)
        _standard_errors(likelihood, residuals, q_bar, a, b)
        figures[f"49 x 1,000: second step, {name}, s"] = time.perf_counter() - begin
    return figures


def holds(figures):
    met = min(figures[f"full: {name} within two standard errors"] for name in "ab")
    short = [abs(figures[f"49 series x 252, {name}: mean b of {SHORT_B}"] - SHORT_B) for name in ("pairs", "full")]
    second = figures["49 x 1,000: second step, pairs, s"]
    whole = figures["49 x 1,000: variances by arch, s"] + figures["49 x 1,000: second step, full, s"]
    return met >= 0.9 and short[0] < short[1] and second < 0.7 and whole < 12


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=100)
    options = parser.parse_args()
    figures = measure(options.seeds)
    tell(figures, options.json)
    sys.exit(0 if holds(figures) else 1)


if __name__ == "__main__":
    main()
