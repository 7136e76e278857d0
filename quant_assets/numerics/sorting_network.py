"""Orders of comparison that put numbers in order whatever they are, and so can be done for many rows at once."""

import numpy as np


def ordering(n: int, ordered: int = 0) -> list[tuple[int, int]]:
    """Pairs of places to compare and exchange that put any n numbers in order, of which the first `ordered` are.

    Source: Batcher's merge exchange, in Knuth, The Art of Computer Programming 3, algorithm 5.2.2M.
    """
    if ordered:
        rest = [(ordered + i, ordered + j) for i, j in ordering(n - ordered)]
        merging = _that_exchange(ordering(n), ordered, n - ordered)
        return min(rest + merging, ordering(n), key=len)
    top = 1 << max(0, (n - 1).bit_length() - 1)
    pairs, p = [], top
    while p:
        q, r, d = top, 0, p
        while True:
            pairs += [(i, i + d) for i in range(n - d) if i & p == r]
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2
    return pairs if n > 1 else []


def _that_exchange(pairs: list[tuple[int, int]], m: int, n: int) -> list[tuple[int, int]]:
    """Without the pairs that never exchange anything where the first m numbers and the last n are in order.

    What holds for zeros and ones holds for all numbers (Knuth's zero-one principle), and there are but few such rows.
    """
    rows = np.array([[0] * (m - i) + [1] * i + [0] * (n - j) + [1] * j for i in range(m + 1) for j in range(n + 1)])
    needed = []
    for i, j in pairs:
        swapped = rows[:, i] > rows[:, j]
        if swapped.any():
            needed.append((i, j))
            rows[swapped, i], rows[swapped, j] = 0, 1
    return needed
