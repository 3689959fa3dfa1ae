"""Activations as the solvers read them: a dense array, or the stored values of a sparse one (CSR).

Latents of sparse autoencoders are wide and mostly 0: 5,000 examples of 50,000 latents are 2 GB as numbers and 6 MB as
stored values. Whatever goes over all columns goes over the stored values; only columns that are in use become dense.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sparseprobe.compiled import compiled
from sparseprobe.errors import InputError

_GATHERED_ROWS = 64  # a line of the cache for each of some hundred columns stays in a core's own

Matrix: TypeAlias = Any
"""Activations (n, d): a dense array of float32 or float64, or a SciPy CSR array."""


def is_sparse(X: Matrix) -> bool:
    """Whether activations are stored sparse."""
    return bool(sparse.issparse(X))


LARGEST = 1e15
"""Activations up to this size have squares and sums that float32 can hold."""


def require_usable(X: Matrix, what: str = "X") -> None:
    """Raise `InputError` for NaN, infinity and numbers whose squares overflow.

    >>> require_usable(np.array([[1e19]]))
    Traceback (most recent call last):
    sparseprobe.errors.InputError: X holds values up to 1e+19, whose squares overflow: scale them to at most 1e+15
    """
    values = X.data if is_sparse(X) else X
    largest = float(max(values.max(initial=0.0), -values.min(initial=0.0)))
    if largest <= LARGEST:
        return
    bad = int(values.size - np.isfinite(values).sum())
    if bad:
        raise InputError(f"{what} holds {bad} values that are not finite: replace or drop them first")
    raise InputError(
        f"{what} holds values up to {largest:.3g}, whose squares overflow: scale them to at most {LARGEST:g}"
    )


def dense_columns(X: Matrix, columns: NDArray[np.int64]) -> NDArray[np.floating]:
    """(n, len(columns)) some columns, dense, in the dtype of X.

    >>> dense_columns(sparse.csr_array(np.eye(3)), np.array([2, 0]))
    array([[0., 1.],
           [0., 0.],
           [1., 0.]])
    """
    chosen: NDArray[np.floating] = X[:, columns].toarray() if is_sparse(X) else X[:, columns]
    return chosen


def scaled_columns(
    X: Matrix, rows: NDArray[np.int64], columns: NDArray[np.int64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(len(rows), len(columns)) float64, dense: some rows and columns, each column times its `scale`.

    The answer lies in memory column by column, so that some of its columns are copied quickly.

    >>> scaled_columns(np.eye(3), np.array([0, 2]), np.array([2, 0]), np.array([5.0, 1.0]))
    array([[0., 1.],
           [5., 0.]])
    """
    if is_sparse(X):
        chosen: NDArray[np.float64] = X[:, columns][rows].astype(np.float64).toarray(order="F")
        chosen *= scale
        return chosen
    turned = np.empty((len(columns), len(rows)))
    _gather(X, rows, columns, scale, turned)
    return turned.T


def column_sums(X: Matrix, pull: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pull @ X (d,), accumulated in float64; rows without pull are not read. A dense X is C-ordered.

    >>> column_sums(np.array([[1.0, 2.0], [3.0, 4.0]], np.float32), np.array([0.0, 2.0]))
    array([6., 8.])
    """
    if is_sparse(X):
        return _stored_sums(X.indptr, X.indices, X.data, pull, X.shape[1])
    return _dense_sums(X, pull)


def squared_norms(X: Matrix) -> tuple[NDArray[np.float64], float]:
    """Squared norms of all columns (d,), and the largest squared norm of a row, in float64.

    >>> squared_norms(np.array([[1.0, 2.0], [3.0, 4.0]]))
    (array([10., 20.]), 25.0)
    """
    if is_sparse(X):
        squares = X.astype(np.float64).power(2)
        return np.asarray(squares.sum(axis=0)).ravel(), float(np.asarray(squares.sum(axis=1)).max(initial=0.0))
    return _dense_norms(X)


@compiled()
def _gather(
    X: NDArray[np.floating],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    scale: NDArray[np.float64],
    turned: NDArray[np.float64],
) -> None:
    """Fill `turned` (columns, rows), a block of rows at a time, so that what is read and written stays in the cache."""
    n = rows.shape[0]
    for first in range(0, n, _GATHERED_ROWS):
        last = min(first + _GATHERED_ROWS, n)
        for j in range(columns.shape[0]):
            column, factor = columns[j], scale[j]
            for i in range(first, last):
                turned[j, i] = X[rows[i], column] * factor


@compiled(fastmath=True)
def _dense_sums(matrix: NDArray[np.floating], pull: NDArray[np.float64]) -> NDArray[np.float64]:
    active = np.flatnonzero(pull)
    sums = np.zeros(matrix.shape[1])
    whole = active.shape[0] - active.shape[0] % 4
    for start in range(0, whole, 4):  # four rows a pass, so that the sums are written four times less
        r0, r1, r2, r3 = (
            matrix[active[start]],
            matrix[active[start + 1]],
            matrix[active[start + 2]],
            matrix[active[start + 3]],
        )
        p0, p1, p2, p3 = pull[active[start]], pull[active[start + 1]], pull[active[start + 2]], pull[active[start + 3]]
        for j in range(sums.shape[0]):
            sums[j] += p0 * r0[j] + p1 * r1[j] + p2 * r2[j] + p3 * r3[j]
    for i in active[whole:]:
        for j in range(sums.shape[0]):
            sums[j] += pull[i] * matrix[i, j]
    return sums


@compiled()
def _stored_sums(
    indptr: NDArray[np.integer],
    indices: NDArray[np.integer],
    values: NDArray[np.floating],
    pull: NDArray[np.float64],
    width: int,
) -> NDArray[np.float64]:
    sums = np.zeros(width)
    for i in range(pull.shape[0]):
        if pull[i] != 0.0:
            for place in range(indptr[i], indptr[i + 1]):
                sums[indices[place]] += pull[i] * values[place]
    return sums


@compiled()
def _dense_norms(X: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
    columns = np.zeros(X.shape[1])
    largest = 0.0
    for i in range(X.shape[0]):
        row = 0.0
        for j in range(X.shape[1]):
            square = np.float64(X[i, j]) ** 2
            columns[j] += square
            row += square
        largest = max(largest, row)
    return columns, largest
