"""The arrays of the numerics, each type named once."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Index = NDArray[np.int64]  # row numbers, positions, counts
