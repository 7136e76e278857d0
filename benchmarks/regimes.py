"""Detectors of regimes on markets with planted ones, against the Bayes filter, which nothing can beat.

Two settings (.9 and 2.5 %, .9 and 1.5 % a session; Student-t of 5 degrees; states of 60 sessions), 20 seeds. Each
detector is fitted on what came before and followed forward; skill is (LL - LL of the base rates) / (LL of the Bayes
filter - LL of the base rates). A market without regimes besides. Peers in the same table: hmmlearn as it comes,
filtered and smoothed (which has seen the whole market), the jump model, Markov regression by statsmodels. Ends with 1
if a claim fails; `--json` for programs.
"""

import argparse
import sys
import time
import warnings

import numpy as np
from hmmlearn.hmm import GaussianHMM
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

from benchmarks._figures import tell
from configs.settings import HmmSettings, JumpModelSettings
from quant_assets.numerics.hidden_markov import filter_states, log_density
from quant_assets.numerics.rolling import window_mean
from quant_assets.numerics.scale_mixture import log_densities
from quant_assets.regimes.confirmation import confirmed, likeliest
from quant_assets.regimes.detectors import hmm, jump_model
from quant_assets.regimes.detectors.hmm import RANGE_DEGREES, ScaleMixture
from quant_assets.regimes.evaluation import calibration_slope, detections, log_score, pooled, reliability, skill
from tests.oracles.regime_markets import RangeCeiling, bayes_filter, planted_market

LEVELS = {"wide": (0.9, 2.5), "narrow": (0.9, 1.5)}
FLAT = (1.2, 1.2)
SESSIONS, WARM_UP, REFIT = 2000, 1000, 63
PEER_REFIT = 250  # of those that are slow
CONFIRMATION = 5
BASE = np.log(0.5)


def scaled(returns):
    """Returns in units of the root mean square of the last 10."""
    return returns / np.sqrt(window_mean(returns[:, None] ** 2, 10, 8)[:, 0])


def followed(n_states, refit, probabilities):
    """(T, K) probabilities of each session under the fit of the sessions before its refit; NaN in the warm-up."""
    result = np.full((SESSIONS, n_states), np.nan)
    for begin in range(WARM_UP, SESSIONS, refit):
        end = min(begin + refit, SESSIONS)
        result[begin:end] = probabilities(begin, end)[begin:end]
    return result


def calm_or_not(of_states):
    """(T, 2): the first state, and all others."""
    return np.column_stack([of_states[:, 0], 1 - of_states[:, 0]])


def by_hmm(signals, settings=HmmSettings(random_starts=1)):  # noqa: B008
    def probabilities(begin, end):
        fit = hmm.state_fit("volatility", signals[:begin], settings, np.random.default_rng(1))
        ranged = np.isfinite(fit.degrees[1])
        ratio = fit.mean[0, 1] / fit.variance[0, 0] if ranged else 1.0
        model = ScaleMixture(fit.mean[:, 0], fit.variance[:, 0], fit.degrees[0], ratio, RANGE_DEGREES, fit.transition)
        return calm_or_not(filter_states(log_densities(*signals[:end, :2].T, model), fit.transition, fit.initial))

    return followed(2, REFIT, probabilities)


def by_trend(returns, settings=HmmSettings()):  # noqa: B008
    signals = scaled(returns)[:, None]

    def probabilities(begin, end):
        fit = hmm.state_fit("trend", signals[10:begin], settings, np.random.default_rng(1))
        return filter_states(log_density(signals[:end], fit.mean, fit.variance), fit.transition, fit.initial)

    return followed(3, REFIT, probabilities)


def by_jumps(market, with_ranges, settings=JumpModelSettings(random_starts=1)):  # noqa: B008
    nothing = np.full(SESSIONS, np.nan)
    signals = np.column_stack(
        [np.sqrt(np.abs(market.returns)), 0.5 * np.log(market.ranges) if with_ranges else nothing, nothing]
    )

    def probabilities(begin, end):
        fit = jump_model.state_fit("volatility", signals[:begin], settings, np.random.default_rng(1))
        penalty = np.log(fit.transition[0, 0]) - np.log(fit.transition[0, 1])
        reached = jump_model.online_costs(jump_model.costs_of(signals[:end], fit.mean, fit.variance), penalty)
        weights = np.exp(reached.min(axis=1, keepdims=True) - reached)
        return weights / weights.sum(axis=1, keepdims=True)

    return followed(2, REFIT, probabilities)


def by_hmmlearn(returns):
    """As it comes, on returns in percent: filtered forward, and smoothed over the whole market."""
    x = returns[:, None]

    def fitted(n):
        model = GaussianHMM(2, random_state=1, n_iter=100).fit(x[:n])
        order = np.argsort(model._covars_[:, 0])
        return model, order

    def probabilities(begin, end):
        model, order = fitted(begin)
        density = log_density(x[:end], model.means_[order], model._covars_[order])
        return filter_states(density, model.transmat_[np.ix_(order, order)], model.startprob_[order])

    model, order = fitted(SESSIONS)
    return followed(2, PEER_REFIT, probabilities), model.predict_proba(x)[:, order]


def by_statsmodels(returns):
    def probabilities(begin, end):
        options = {"k_regimes": 2, "switching_variance": True}
        fit = MarkovRegression(returns[:begin], **options).fit(disp=False)
        variances = [fit.params[fit.model.param_names.index(f"sigma2[{k}]")] for k in (0, 1)]
        result = MarkovRegression(returns[:end], **options).filter(fit.params)
        return result.filtered_marginal_probabilities[:, np.argsort(variances)]

    return followed(2, PEER_REFIT, probabilities)


def of_market(seed, levels, ceiling, peers):
    """By detector: log score, that of its ceiling, probabilities and truth, after the warm-up."""
    market = planted_market(seed, SESSIONS, levels)
    r, nothing = market.returns, np.full(SESSIONS, np.nan)
    volatility, trend = bayes_filter(r, levels)
    with_ranges = ceiling.states(market, levels)
    detected = {
        "hmm, returns": (by_hmm(np.column_stack([r, nothing, nothing])), volatility),
        "hmm, ranges": (by_hmm(np.column_stack([r, market.ranges, nothing])), with_ranges),
        "jump model, returns": (by_jumps(market, with_ranges=False), volatility),
        "jump model, ranges": (by_jumps(market, with_ranges=True), with_ranges),
    }
    if peers:
        filtered, smoothed = by_hmmlearn(r)
        detected["hmmlearn, filtered"] = filtered, volatility
        detected["hmmlearn, smoothed (hindsight)"] = smoothed, volatility
        detected["statsmodels, filtered"] = by_statsmodels(r), volatility
    late = slice(WARM_UP, None)
    truth = market.volatile[late]
    rows = {
        name: (log_score(p[late], truth), log_score(best[late], truth), p[late], truth)
        for name, (p, best) in detected.items()
    }
    return rows, log_score(by_trend(r)[late], market.trend[late]), log_score(trend[late], market.trend[late])


def switches(parts):
    """Of several markets, by the state that five sessions agreed on."""
    return pooled([detections(truth, confirmed(likeliest(p)[:, None], CONFIRMATION)[:, 0]) for p, truth in parts])


def of_flat_markets(n_seeds):
    """What is detected where there is nothing: one volatility, no drift."""
    wild, tilts = [], []
    for seed in range(n_seeds):
        market = planted_market(seed, SESSIONS, FLAT, drifts=(0.0,))
        signals = np.column_stack([market.returns, market.ranges, np.full(SESSIONS, np.nan)])
        states = by_hmm(signals)[WARM_UP:]
        wild.append((confirmed(likeliest(states)[:, None], CONFIRMATION)[CONFIRMATION:, 0] != 0).mean())
        trend = by_trend(market.returns)[WARM_UP:]
        tilts.append(np.abs(trend[:, 2] - trend[:, 0]).mean())
    return {
        "flat: sessions that are confirmed not to be calm": float(np.mean(wild)),
        "flat: mean |p_bull - p_bear|": float(np.mean(tilts)),
    }


def measure(n_seeds, peers):
    """Metrics by name, and the claims that failed."""
    metrics, failed, ceiling = of_flat_markets(n_seeds), [], RangeCeiling()
    for setting, levels in LEVELS.items():
        results = [of_market(seed, levels, ceiling, peers) for seed in range(n_seeds)]
        for name in results[0][0]:
            rows = [rows[name] for rows, _, _ in results]
            skills = [skill(score, BASE, best) for score, best, _, _ in rows]
            change = switches([(p, truth) for _, _, p, truth in rows])
            volatile = np.concatenate([p[:, 1] for _, _, p, _ in rows])
            came = np.concatenate([truth for _, _, _, truth in rows]) == 1
            metrics |= {
                f"{setting}: {name}: skill, mean": float(np.mean(skills)),
                f"{setting}: {name}: skill, worst seed": min(skills),
                f"{setting}: {name}: calibration slope": calibration_slope(volatile, came),
                f"{setting}: {name}: calibration error": reliability(volatile, came).error,
                f"{setting}: {name}: confirmed delay, median": change.median_delay,
                f"{setting}: {name}: missed": change.missed_rate,
                f"{setting}: {name}: false alarms a year": change.false_alarms_per_year,
            }
        gains = np.array([score for _, score, _ in results]) + np.log(3)
        metrics |= {
            f"{setting}: trend: gain over base rates, nats": float(gains.mean()),
            f"{setting}: trend: standard error": float(gains.std(ddof=1) / np.sqrt(n_seeds)),
            f"{setting}: trend: gain of the Bayes filter": float(np.mean([best for _, _, best in results]) + np.log(3)),
        }
        failed += [f"{setting}: trend is worse than base rates"] * bool(
            metrics[f"{setting}: trend: gain over base rates, nats"] < -2 * metrics[f"{setting}: trend: standard error"]
        )
    return metrics, failed + [claim for claim, holds in claims(metrics).items() if not holds]


def claims(m):
    """What must hold of the platform's detector."""
    wide = "wide: hmm, ranges: "
    return {
        "skill from returns is at least .8 in the wide setting": m["wide: hmm, returns: skill, mean"] >= 0.8,
        "skill with ranges is at least .9 in the wide setting": m[wide + "skill, mean"] >= 0.9,
        "every seed of the narrow setting beats base rates, returns": m["narrow: hmm, returns: skill, worst seed"] > 0,
        "every seed of the narrow setting beats base rates, ranges": m["narrow: hmm, ranges: skill, worst seed"] > 0,
        "the median confirmed delay is at most 10": m[wide + "confirmed delay, median"] <= 10,
        "a flat market is calm": m["flat: sessions that are confirmed not to be calm"] <= 0.01,
        "under one false alarm in two years": m[wide + "false alarms a year"] < 0.5,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--no-peers", action="store_true", help="leave hmmlearn and statsmodels out, which are slow")
    options = parser.parse_args()
    begin = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the peers' optimizers
        metrics, failed = measure(options.seeds, not options.no_peers)
    tell(metrics | {"CPU s": time.process_time() - begin}, options.json)
    for claim in failed:
        print(f"FAILED: {claim}", file=sys.stderr)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
