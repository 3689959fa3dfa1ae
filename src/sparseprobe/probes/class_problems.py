"""The two-class problems behind a classifier: one for two classes, one against the rest for each of more.

All of them share one training layer, hence one set of class statistics.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparseprobe.errors import InputError
from sparseprobe.matrix import Matrix, is_sparse, require_usable
from sparseprobe.selection.problem import Problem, TrainingLayer
from sparseprobe.statistics.class_weights import ClassWeight


def class_problems(
    X: Matrix,
    y: NDArray[Any],
    classes: NDArray[Any],
    *,
    sample_weight: NDArray[np.float64] | None = None,
    class_weight: ClassWeight = "balanced",
    seed: int = 0,
) -> list[Problem]:
    """Problems for X (n, d), labels y (n,) out of `classes`; of two classes the second is the positive one.

    `class_weight`: "balanced" (both sides of each problem weigh the same), None, or a weight for each class, 1 for one
    left out. Raises `InputError` for a single class, values that overflow, or a class weight that is none of these.

    >>> problems = class_problems(np.eye(3), np.array(list("abc")), np.array(list("abc")))
    >>> [problem.y.tolist() for problem in problems]
    [[True, False, False], [False, True, False], [False, False, True]]
    """
    if len(classes) < 2:
        raise InputError(f"y has one class, {classes.tolist()}: a probe needs examples of at least two classes")
    require_usable(X)
    by_class = None
    if not (isinstance(class_weight, str) and class_weight == "balanced"):
        own = _checked_weights(class_weight, y)
        by_class = np.array([own.get(label, 1.0) for label in y])
    positive = classes[1:] if len(classes) == 2 else classes
    labels = (y[:, None] == positive).astype(np.int8)
    weights = np.ones(len(y)) if sample_weight is None else sample_weight  # statistics in float64 either way
    layer = TrainingLayer(X.tocsr() if is_sparse(X) else X, labels, weights)
    return [Problem(layer, i, seed, (str(label),), by_class) for i, label in enumerate(positive)]


def _checked_weights(class_weight: object, y: NDArray[Any]) -> dict[Any, float]:
    """A weight for some of the classes of labels y (n,)."""
    if class_weight is None:
        return {}
    if not isinstance(class_weight, Mapping):
        raise InputError(f'class_weight must be "balanced", None or a mapping of classes, got {class_weight!r}')
    known = np.unique(y).tolist()
    for label, weight in class_weight.items():
        if label not in known:
            raise InputError(f"class_weight has a weight for {label!r}, which is not a class: the classes are {known}")
        if not isinstance(weight, int | float | np.integer | np.floating) or not 0 < weight < np.inf:
            raise InputError(f"class_weight must give finite numbers above 0, got {weight!r} for the class {label!r}")
    return {label: float(weight) for label, weight in class_weight.items()}
