"""Optimization problems that several tests solve."""

import numpy as np

from quant_assets.portfolio.optimizer import Problem


def one_name(**changes) -> Problem:
    """One stock of variance 0.04, γ 5, alpha 0.05: without limits and costs w = 0.05 / (5 · 0.04) = 0.25."""
    base = {
        "alpha": np.array([0.05]),
        "exposures": np.zeros((1, 1)),
        "factor_covariance": np.eye(1),
        "specific_variance": np.array([0.04]),
        "risk_aversion": 5.0,
        "previous": np.zeros(1),
        "lower": np.zeros(1),
        "upper": np.ones(1),
    }
    return Problem(**(base | changes))


def neutral(**changes) -> Problem:
    """Two names that may be long or short, dollar neutral within 2 %."""
    base = {
        "alpha": np.array([0.05, -0.05]),
        "exposures": np.zeros((2, 1)),
        "specific_variance": np.array([0.04, 0.04]),
        "previous": np.zeros(2),
        "lower": np.full(2, -0.5),
        "upper": np.full(2, 0.5),
        "net_bounds": (-0.02, 0.02),
        "gross_cap": 2.0,
    }
    return one_name(**(base | changes))
