"""What `preset="paper"` means for selections that have better settings by default (paper, section 4).

`optimal` looks for the best k among the 50 neurons of the largest mean difference, all that the paper's solver could
take, and its certificate is about these 50. `mutual_information` is the nearest-neighbour estimate of scikit-learn, of
3 neighbours and with noise of a fixed seed; it takes no sample weights, and class weights have no part in it.
`adaptive` goes down the k that were asked for and is registered beside its default (module `adaptive`). All others are
the same in both presets.
"""

from __future__ import annotations

from sparseprobe.selection.mutual_information import NearestNeighbourInformation
from sparseprobe.selection.optimal import Optimal
from sparseprobe.selection.prefiltered import Prefiltered
from sparseprobe.selection.registry import register_selection

CANDIDATES = 50

register_selection(Prefiltered(Optimal(), CANDIDATES), preset="paper")
register_selection(NearestNeighbourInformation(name="mutual_information"), preset="paper")
