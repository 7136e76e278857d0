"""Pins the numeric platform before anything loads NumPy: docs/adr/0015-one-numeric-platform.md."""

from feature_store.numeric_platform import pin

pin()
