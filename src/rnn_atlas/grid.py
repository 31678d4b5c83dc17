"""Sweeps -> points -> tiles. A point is known by its values, so any axis can grow anywhere."""

import itertools
from collections.abc import Callable, Iterable, Iterator

from rnn_atlas.config import Study
from rnn_atlas.contracts import NetworkIdentity, Number, Point, Tile
from rnn_atlas.identity import point_id
from rnn_atlas.registry import ENSEMBLES, MODELS


def network_names(study: Study) -> list[str]:
    """Names of the parameters that select a network, realization last."""
    return [p.name for p in ENSEMBLES[study.network.ensemble].parameters] + ["realization"]


def dynamics_names(study: Study) -> list[str]:
    """Names of the parameters that the same network is run with."""
    return [p.name for p in MODELS[study.model.name].parameters]


def sweep_points(study: Study, sweep: str, *, dynamics: bool) -> Iterator[Point]:
    """The points of one sweep in the order of its dataset; without dynamics, its networks."""
    axes = study.axes(sweep)
    for parameters in study.networks(sweep):
        network = study.identity(parameters)
        if not dynamics:
            yield Point(network, ())
            continue
        rest = dynamics_names(study)
        for more in itertools.product(*(axes[name] for name in rest)):
            yield Point(network, tuple(zip(rest, more, strict=True)))


def distinct(points: Iterable[Point]) -> dict[str, Point]:
    """Points by name, each once."""
    return {point_id(point): point for point in points}


def tiles(points: Iterable[Point], width: Callable[[NetworkIdentity], int]) -> list[Tile]:
    """Points grouped by network and cut into blocks of at most `width` of it."""
    groups: dict[NetworkIdentity, list[tuple[tuple[str, Number], ...]]] = {}
    for point in points:
        groups.setdefault(point.network, []).append(point.dynamics)
    out = []
    for network, members in groups.items():
        members.sort()
        step = width(network)
        out += [Tile(network, tuple(members[i : i + step])) for i in range(0, len(members), step)]
    return out
