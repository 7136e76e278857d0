"""Splits that keep training labels apart from test labels, under the name that research knows them by."""

from quant_assets.numerics.purged_splits import CombinatorialPurged, Dates, PurgedKFold, Split, WalkForward

__all__ = ["CombinatorialPurged", "Dates", "PurgedKFold", "Split", "WalkForward"]
