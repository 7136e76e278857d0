"""The 158 factors of Qlib's Alpha158, each declared by Qlib's own expression.

$open, $high, $low, $close and $vwap are total return levels, so that neither a split nor a dividend is a move, and
$volume is in today's shares. Ref(x, n) is x of n sessions ago, null where there was no bar.

Source: Microsoft Qlib 0.9, `qlib.contrib.data.loader.Alpha158DL`.
"""

import polars as pl

from feature_store.dataset import Column

WINDOWS = (5, 10, 20, 30, 60)

BAR = {
    "KMID": "($close-$open)/$open",
    "KLEN": "($high-$low)/$open",
    "KMID2": "($close-$open)/($high-$low+1e-12)",
    "KUP": "($high-Greater($open, $close))/$open",
    "KUP2": "($high-Greater($open, $close))/($high-$low+1e-12)",
    "KLOW": "(Less($open, $close)-$low)/$open",
    "KLOW2": "(Less($open, $close)-$low)/($high-$low+1e-12)",
    "KSFT": "(2*$close-$high-$low)/$open",
    "KSFT2": "(2*$close-$high-$low)/($high-$low+1e-12)",
    "OPEN0": "$open/$close",
    "HIGH0": "$high/$close",
    "LOW0": "$low/$close",
    "VWAP0": "$vwap/$close",
}
"""Of one bar alone."""

_UP, _DOWN, _MOVE = (
    "Greater($close-Ref($close, 1), 0)",
    "Greater(Ref($close, 1)-$close, 0)",
    "Abs($close-Ref($close, 1))",
)
_VOLUME_UP, _VOLUME_DOWN = "Greater($volume-Ref($volume, 1), 0)", "Greater(Ref($volume, 1)-$volume, 0)"
_VOLUME_MOVE, _WEIGHED = "Abs($volume-Ref($volume, 1))", "Abs($close/Ref($close, 1)-1)*$volume"

ROLLING = {
    "ROC": "Ref($close, N)/$close",
    "MA": "Mean($close, N)/$close",
    "STD": "Std($close, N)/$close",
    "BETA": "Slope($close, N)/$close",
    "RSQR": "Rsquare($close, N)",
    "RESI": "Resi($close, N)/$close",
    "MAX": "Max($high, N)/$close",
    "MIN": "Min($low, N)/$close",
    "QTLU": "Quantile($close, N, 0.8)/$close",
    "QTLD": "Quantile($close, N, 0.2)/$close",
    "RANK": "Rank($close, N)",
    "RSV": "($close-Min($low, N))/(Max($high, N)-Min($low, N)+1e-12)",
    "IMAX": "IdxMax($high, N)/N",
    "IMIN": "IdxMin($low, N)/N",
    "IMXD": "(IdxMax($high, N)-IdxMin($low, N))/N",
    "CORR": "Corr($close, Log($volume+1), N)",
    "CORD": "Corr($close/Ref($close,1), Log($volume/Ref($volume, 1)+1), N)",
    "CNTP": "Mean($close>Ref($close, 1), N)",
    "CNTN": "Mean($close<Ref($close, 1), N)",
    "CNTD": "Mean($close>Ref($close, 1), N)-Mean($close<Ref($close, 1), N)",
    "SUMP": f"Sum({_UP}, N)/(Sum({_MOVE}, N)+1e-12)",
    "SUMN": f"Sum({_DOWN}, N)/(Sum({_MOVE}, N)+1e-12)",
    "SUMD": f"(Sum({_UP}, N)-Sum({_DOWN}, N))/(Sum({_MOVE}, N)+1e-12)",
    "VMA": "Mean($volume, N)/($volume+1e-12)",
    "VSTD": "Std($volume, N)/($volume+1e-12)",
    "WVMA": f"Std({_WEIGHED}, N)/(Mean({_WEIGHED}, N)+1e-12)",
    "VSUMP": f"Sum({_VOLUME_UP}, N)/(Sum({_VOLUME_MOVE}, N)+1e-12)",
    "VSUMN": f"Sum({_VOLUME_DOWN}, N)/(Sum({_VOLUME_MOVE}, N)+1e-12)",
    "VSUMD": f"(Sum({_VOLUME_UP}, N)-Sum({_VOLUME_DOWN}, N))/(Sum({_VOLUME_MOVE}, N)+1e-12)",
}
"""Of the last N sessions, by family."""

FACTORS = BAR | {
    f"{family}{n}": expression.replace("N", str(n)) for family, expression in ROLLING.items() for n in WINDOWS
}
"""Qlib's expression of each factor, in Qlib's order."""

COLUMNS = tuple(Column(name, pl.Float32(), "ratio", expression) for name, expression in FACTORS.items())
"""In single precision, as Qlib has them."""
