"""Looks at a home's results: each is counted in its ledger, and the Sharpe ratio is deflated by how many there were."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from quant_assets.backtest.deflated_sharpe import deflated_sharpe_ratio, variance_of_trials
from quant_resources.home import Home
from quant_resources.ledgers.trials import RecordedTrial, Trial, trials

Trials = Mapping[tuple[str, str], RecordedTrial]  # by config hash and code version


def ledger_of(home: Home) -> Path:
    return home.trial_ledger


def trials_of(homes: Sequence[Home]) -> Trials:
    """Trials of all ledgers, each once; the first ledger that has it counts."""
    counted: dict[tuple[str, str], RecordedTrial] = {}
    for home in homes:
        for trial in trials(ledger_of(home)):
            counted.setdefault((trial.latest.config_hash, trial.latest.code_version), trial)
    return counted


def deflated_sharpe(trial: Trial, counted: Trials) -> float | None:
    """None where the trial has too few returns for a Sharpe ratio or its moments."""
    if trial.sharpe is None or trial.skewness is None or trial.kurtosis is None:
        return None
    sharpes = [one.fullest.sharpe for one in counted.values() if one.fullest.sharpe is not None]
    return deflated_sharpe_ratio(
        trial.sharpe, trial.n_observations, trial.skewness, trial.kurtosis, len(counted), variance_of_trials(sharpes)
    )
