"""Contexts: a token with the text around it and a neuron's activation at each token of that text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sparseprobe.datasets.vocabulary import running_pieces
from sparseprobe.neurons.on_text.mean_activation_by_token import TokenActivations
from sparseprobe.printable import printable, printable_html


@dataclass(frozen=True)
class Context:
    """One place in a text."""

    kind: str
    """largest, smallest, or a quantile such as 75 %."""
    group: str
    """The document it is from."""
    activation: float
    """At the token in question."""
    tokens: tuple[str, ...]
    """Texts of the tokens around it."""
    activations: tuple[float, ...]
    """At each of them; NaN at special tokens."""
    at: int
    """Which of them is the token in question."""

    @property
    def _at_whole(self) -> int:
        """Where the text of that token is: of several that share a character, the last one."""
        return next((place for place in range(self.at, len(self.tokens)) if self.tokens[place]), self.at)

    def text(self) -> str:
        """The text on one line with the token in ⟦ ⟧."""
        at = self._at_whole
        marked = (f"⟦{token}⟧" if place == at else token for place, token in enumerate(self.tokens))
        return printable("".join(marked)).replace("\n", "⏎").replace("\t", "⇥")

    def html(self, scale: float) -> str:
        """The text with each token coloured by its activation, red above and blue below 0; full colour at `scale`."""
        parts = []
        for place, (token, value) in enumerate(zip(self.tokens, self.activations, strict=True)):
            strength = 0.0 if np.isnan(value) or scale <= 0 else min(1.0, abs(value) / scale)
            colour = f"rgba({'220,60,40' if value >= 0 else '40,90,220'},{strength:.2f})"
            frame = "outline:1px solid currentColor;" if place == self._at_whole else ""
            shown = printable_html(token).replace("\n", "⏎<br>")
            parts.append(f'<span style="background:{colour};{frame}" title="{value:.4g}">{shown}</span>')
        return "".join(parts)


def contexts(
    activations: TokenActivations, column: int, places: Iterable[tuple[str, int]], *, width: int = 12
) -> tuple[Context, ...]:
    """The text of up to `width` tokens on each side of places in the dataset's tokens, given as (kind, place)."""
    data = activations.data
    offsets = data.sequences.offsets
    sequence_of_group = data.examples.drop_duplicates("sequence").set_index("sequence")["group"]
    found = []
    for kind, place in places:
        sequence = int(np.searchsorted(offsets, place, side="right")) - 1
        start, stop = max(int(offsets[sequence]), place - width), min(int(offsets[sequence + 1]), place + width + 1)
        ids = data.sequences.tokens[start:stop].tolist()
        values = activations.matrix[start:stop, column]
        found.append(
            Context(
                kind=kind,
                group=str(sequence_of_group.get(sequence, "")),
                activation=float(activations.matrix[place, column]),
                tokens=tuple(running_pieces(data.tokenizer, ids)),
                activations=tuple(float(value) for value in values),
                at=place - start,
            )
        )
    return tuple(found)
