"""What a kind of limit is: rows of the convex program, and the same quantity from weights alone."""

from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

from configs.settings.limits import LimitSettings
from quant_assets.numerics.arrays import Array
from quant_assets.portfolio.inputs import AssetInputs, RiskForecast
from quant_assets.portfolio.problem import Matrix

S_contra = TypeVar("S_contra", bound=LimitSettings, contravariant=True)


@dataclass(frozen=True)
class LinearRows:
    """lower ≤ matrix · weights ≤ upper.

    Attributes:
        names: (M,) of the rows, as the dataset of diagnostics has them; no other limit has one of them.
        matrix: (M, N), sparse or dense.
        lower, upper: (M,) infinite where a side is open.
    """

    names: tuple[str, ...]
    matrix: Matrix
    lower: Array
    upper: Array


class Limit(Protocol[S_contra]):
    """A kind of limit that is linear in the weights; the class is its name's entry in `registry.LIMITS`.

    What cannot be kept is widened by the optimizer's ladder together with the industry bands, and marked as relaxed.
    Every kind passes `tests/portfolio/limits/test_conformance.py`.

    Attributes:
        settings: type of its settings, whose `kind` names it.
    """

    settings: ClassVar[type[LimitSettings]]

    @staticmethod
    def rows(assets: AssetInputs, risk: RiskForecast, settings: S_contra) -> LinearRows:
        """Its rows of the convex program, over the N assets.

        Raises:
            ValueError: settings that name what the session does not have.
        """

    @staticmethod
    def values(weights: Array, assets: AssetInputs, risk: RiskForecast, settings: S_contra) -> Array:
        """(M,) the limited quantities at the (N,) weights, computed anew and not by the matrix of `rows`.

        Diagnostics report these. Where they differ from the rows, one of the two is wrong, and nothing is ordered.
        """
