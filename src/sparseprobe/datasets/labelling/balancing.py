"""Draw a feature's examples: a given number, with positives raised to a given share if there are enough.

    n_positive = min(positives there are, round(n * max(share, share there is)))
    n_negative = min(negatives there are, n - n_positive)

Source: the paper's data (arXiv 2305.01610, appendix on datasets) raises positives to 20 % or 25 % of 8,000 to 25,000
tokens. Negatives may be of several kinds (a feature's mirror image, and all the rest): each kind gives an equal part,
and what one lacks the others fill, unless equal numbers are asked for. A draw is keyed by seed, feature and part, so
one feature's draw never moves another's. Cost: linear.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sparseprobe.errors import InputError


def draw(
    labels: NDArray[np.int8],
    *,
    n: int | None,
    positive_share: float | None,
    rng: np.random.Generator,
    kinds: NDArray[np.int8] | None = None,
    equal_kinds: bool = False,
) -> NDArray[np.int64]:
    """Rows to keep, sorted, of labels (n_rows,) in {1, 0, -1}; rows labelled -1 are never drawn.

    `n`: number of rows at most (None: all that the share allows); `positive_share`: raise positives to this
    share, or to all that there are (None: as they come); `kinds` (n_rows,): the kind of each negative;
    `equal_kinds`: rather fewer negatives than more of one kind than of another (of the kinds that there are).

    >>> labels = np.array([1] * 10 + [0] * 90, dtype=np.int8)
    >>> rows = draw(labels, n=50, positive_share=0.2, rng=np.random.default_rng(0))
    >>> len(rows), int(labels[rows].sum())
    (50, 10)
    """
    if n is not None and n < 2:
        raise InputError(f"n_examples is {n}; at least two are needed, one of each class")
    if positive_share is not None and not 0 < positive_share < 1:
        raise InputError(f"positive_share is {positive_share}; it must lie between 0 and 1")
    positives, negatives = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    natural = len(positives) / max(1, len(positives) + len(negatives))
    share = max(natural, positive_share or 0.0)
    total = n if n is not None else len(positives) + len(negatives)
    if n is None and positive_share is not None and len(positives):
        total = round(len(positives) / share)
    n_positive = min(len(positives), round(total * share))
    chosen = [_some(positives, n_positive, rng)]
    pools = (
        [negatives] if kinds is None else [negatives[kinds[negatives] == kind] for kind in np.unique(kinds[negatives])]
    )
    wanted = min(len(negatives), total - n_positive)
    if equal_kinds and pools:
        wanted = min(wanted, len(pools) * min(map(len, pools)))
    for index in np.argsort([len(pool) for pool in pools], kind="stable"):
        taken = sum(map(len, chosen[1:]))
        chosen.append(_some(pools[index], -(-(wanted - taken) // (len(pools) + 1 - len(chosen))), rng))
    return np.sort(np.concatenate(chosen))


def _some(pool: NDArray[np.int64], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.choice(pool, min(n, len(pool)), replace=False, shuffle=False) if n > 0 else pool[:0]
