"""rnn-atlas: phase diagrams of recurrent neural networks.

>>> import rnn_atlas                                        # doctest: +SKIP
>>> atlas = rnn_atlas.open("results/demo")                  # doctest: +SKIP
>>> atlas["g_gamma"].lambda_max.mean("realization").plot()  # doctest: +SKIP
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rnn_atlas.atlas import Atlas

__all__ = ["open"]


def open(path: "str | Path") -> "Atlas":
    """The results of a study, opened lazily: see `rnn_atlas.atlas.Atlas`."""
    from rnn_atlas.atlas import open_atlas

    return open_atlas(path)
