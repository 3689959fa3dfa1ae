"""Every error that a user can cause, in one tree.

    SparseProbeError
    ├── InputError (also a ValueError)     a value that cannot be used: k, a layer, a column, labels of one class
    │   ├── UnknownNameError               a name that is not in a list: the message gives the list and the nearest name
    │   └── DataError                      a file or a table of texts and labels that cannot be read
    ├── TokenizerMismatchError             a dataset was tokenised with a tokenizer other than the model's
    ├── UnsupportedModelError              a model in which the neurons cannot be found
    ├── ResourceError                      more memory or disk space is needed than is available
    └── StorageError (also an OSError)     a folder that cannot be written, or that holds something else

Every message says what was given, what is accepted and what to do, in one sentence. The command line prints it and
exits with 2; a traceback is shown only with `--debug`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

SHOWN = 80
"""Characters of a wrong name that an error repeats."""


class SparseProbeError(Exception):
    """The root of all errors that this package raises on purpose."""


class InputError(SparseProbeError, ValueError):
    """A value that cannot be used."""


class UnknownNameError(InputError):
    """A name that is not in a list of known names.

    >>> str(UnknownNameError("selection", "mean_diference", ["mean_difference", "random"]))
    "unknown selection 'mean_diference': did you mean 'mean_difference'? Known: mean_difference, random"
    """

    def __init__(self, what: str, given: object, known: Iterable[str]) -> None:
        names = list(known)
        near = difflib.get_close_matches(str(given)[:SHOWN], names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        shown = repr(given) if len(repr(given)) <= SHOWN else f"{repr(given)[:SHOWN]}..."
        super().__init__(f"unknown {what} {shown}: {hint}Known: {', '.join(names)}")


class DataError(InputError):
    """A file or a table of texts and labels that cannot be read."""


class DatasetWarning(UserWarning):
    """Something in a dataset that could make its scores misleading."""


class TokenizerMismatchError(SparseProbeError):
    """A dataset was tokenised with a tokenizer other than the model's."""


class UnsupportedModelError(SparseProbeError):
    """A model in which the neurons cannot be found."""


class ResourceError(SparseProbeError):
    """More memory or disk space is needed than is available."""


class StorageError(SparseProbeError, OSError):
    """A folder that cannot be written, or that holds something unexpected."""
