"""What a kind of model is: fits on sessions of a sample, kept as terms and text, and scores from these alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

from configs.settings.models import ModelSettings
from quant_assets.alpha.training.samples import Sample
from quant_assets.numerics.arrays import Array, Mask

S_contra = TypeVar("S_contra", bound=ModelSettings, contravariant=True)


@dataclass(frozen=True)
class Term:
    """A stored part of a fit: a number, or a text of any length; both None where there were too few rows."""

    coefficient: float | None = None
    text: str | None = None

    @property
    def exists(self) -> bool:
        return self.coefficient is not None or self.text is not None


@dataclass(frozen=True)
class Fit:
    """A fitted model in the form in which it is stored.

    Attributes:
        terms: by name, in the order in which they are stored; the names are the same for every fit of a kind and
            sample, whether or not there were rows enough.
        n_rows: training rows.
    """

    terms: Mapping[str, Term]
    n_rows: int

    @property
    def exists(self) -> bool:
        """Whether there were rows enough."""
        return all(term.exists for term in self.terms.values())


class Model(Protocol[S_contra]):
    """A kind of model of label_log from scores; the class is its name's entry in `registry.MODELS`.

    Every kind passes `tests/alpha/models/test_conformance.py`.

    Attributes:
        settings: type of its settings, whose `kind` names it.
    """

    settings: ClassVar[type[ModelSettings]]

    @staticmethod
    def fit(sample: Sample, parts: Sequence[Mask], settings: S_contra, min_rows: int, seed: int) -> list[Fit]:
        """One fit for each of the parts, on labelled rows of the part alone.

        They are asked for together, so that what they have in common is computed once.

        Args:
            sample: scores, which may be NaN, and labels; its rows come in an order of their own, by session and symbol.
            parts: (S,) masks of the sample's sessions.
            min_rows: with fewer training rows all terms are None.
            seed: of random draws; the same seed gives the same bits.
        """

    @staticmethod
    def predict(terms: Mapping[str, Term], features: Array, names: tuple[str, ...]) -> Array:
        """(n,) predicted label_log from the terms of one fit, as stored; NaN where one of them is None.

        Args:
            features: (n, P) scores, NaN where missing; a row's prediction depends on no other row.
            names: P, of the features.
        """
