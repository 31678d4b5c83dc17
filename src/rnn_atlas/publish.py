"""From tile files to the labelled dataset of a stage: one zarr group per sweep, sorted, compact, written aside and renamed."""

import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.errors import ZarrUserWarning

from rnn_atlas import tiles
from rnn_atlas.config import Study
from rnn_atlas.contracts import Number, Point, Variable
from rnn_atlas.errors import StoreError
from rnn_atlas.grid import scoped_axes, sweep_points
from rnn_atlas.identity import point_id
from rnn_atlas.provenance import array_digest, stage_key
from rnn_atlas.registry import REALIZATION, STAGES
from rnn_atlas.status import Status

LARGEST_CHUNK = 16 * 2**20
_LABELS = {
    "block": "block of the average",
    "neuron_sample": "recorded neuron",
    "theory_lag": "lag of the theory",
    "theory_frequency": "frequency of the theory",
    "transient_time": "time since the initial condition",
    "transient_time_later": "second time since the initial condition",
    "onset_gamma": "leak at which the onset is told",
    "outlier_index": "number of the outlier",
    "receiver": "neuron that answers",
    "emitter": "neuron that gets the signal",
    "response_lag": "time since the signal",
    "response_frequency": "frequency of the signal",
    "resonance_index": "number of the resonance",
    "covariant_vector": "covariant vector, largest exponent first",
    "covariant_vector_other": "other covariant vector",
    "covariant_receiver": "neuron that answers a kick",
    "covariant_emitter": "neuron that is kicked",
    "covariant_lag": "time since the kick",
    "angle": "angle in radians",
    "transmission_receiver": "neuron that answers the modulated signal",
    "transmission_time": "time in a period of the modulation",
    "ladder_direction": "direction in which the gains are passed: 1 upwards, -1 downwards",
    "ladder_gain": "gain of the ladder",
    "ladder_exponent": "number of the exponent, largest first",
    "ladder_base": "number of the base frequency",
    "ladder_time": "time",
    "ladder_frequency": "frequency",
    "trajectory_time": "time",
    "coordinate": "coordinate over the gain of the equivalent flow",
    "radius": "|lambda + 1| over the gain of the equivalent flow",
    "pool": "pool of starts: 0 homotopy, 1 branches, 2 perturbed, 3 mean field, 4 trajectory",
}
FLAGS = tuple((int(s), s.name.lower()) for s in Status)


@dataclass(frozen=True)
class Published:
    """What the receipt says of a published stage: the digest of its values and its points per status and sweep."""

    digest: str
    counts: dict[str, dict[str, int]]


@dataclass(frozen=True)
class _Grid:
    """A sweep's dataset axes for one stage: dims in order, fixed values, and where each point's numbers are."""

    dims: dict[str, NDArray[Any]]
    fixed: dict[str, Number]
    places: list[tiles.Place | None]
    points: list[Point]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(v) for v in self.dims.values())


def path_of(results: Path, stage: str) -> Path:
    """The published dataset of a stage."""
    return results / f"{stage}.zarr"


def publish(study: Study, stage: str, results: Path) -> Published:
    """Writes results/<stage>.zarr from the tile files and returns its digest. Verifies every tile file's checksum."""
    final = path_of(results, stage)
    aside, root = _fresh(study, stage, final)
    digests, counts, reader = [], {}, tiles.Reader()
    held = {key: tiles.index(tiles.folder(results, stage, key)) for key in {stage_key(study, stage, s) for s in study.sweeps}}
    for sweep in study.sweeps:
        grid = _grid(study, stage, sweep, held[stage_key(study, stage, sweep)])
        for place in grid.places:
            if place is not None:
                reader.verify(place.file)
        status = np.array([Status.NOT_RUN if p is None else p.status for p in grid.places], np.int8)
        counts[sweep] = {s.name: int(np.sum(status == s)) for s in Status if np.any(status == s)}
        digests += [f"{sweep}/{name}:{value}" for name, value in _write_sweep(root, study, stage, sweep, grid, status, reader)]
    return _finished(aside, final, digests, counts)


def _fresh(study: Study, name: str, final: Path) -> tuple[Path, zarr.Group]:
    """An empty store aside of its final place."""
    aside = final.with_name(f".{final.name}.new")
    shutil.rmtree(aside, ignore_errors=True)
    root = zarr.open_group(aside, mode="w", zarr_format=3)
    root.attrs.update({"study": study.study, "title": study.title, "stage": name})
    return aside, root


def _finished(aside: Path, final: Path, digests: list[str], counts: dict[str, dict[str, int]]) -> Published:
    """The store put in its place, and the digest of its arrays."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ZarrUserWarning)  # consolidated metadata is no part of zarr v3 yet
        zarr.consolidate_metadata(aside)
    _replace(aside, final)
    return Published(array_digest(np.frombuffer("\n".join(digests).encode(), np.uint8)).hex(), counts)


@dataclass(frozen=True)
class Array:
    """An array over axes of a sweep, ready to be stored."""

    variable: Variable
    dims: list[str]
    values: NDArray[Any]


def publish_arrays(study: Study, name: str, results: Path, arrays: dict[str, list[Array]]) -> Published:
    """Writes results/<name>.zarr from arrays over the studies' own axes, one group per sweep, and returns its digest."""
    final = path_of(results, name)
    aside, root = _fresh(study, name, final)
    digests, counts = [], {}
    for sweep, entries in arrays.items():
        group = root.create_group(sweep)
        used = {dim for entry in entries for dim in entry.dims}
        dims = {axis: np.array(values) for axis, values in study.axes(sweep).items() if axis in used}
        written = [*_write_axes(group, study, dims, {}), *(_write(group, e.variable, e.dims, e.values) for e in entries)]
        digests += [f"{sweep}/{key}:{value}" for key, value in written]
        counts[sweep] = {Status.OK.name: int(np.prod([v.size for axis, v in dims.items() if axis != "N"]))}
    return _finished(aside, final, digests, counts)


def _replace(aside: Path, final: Path) -> None:
    """Renames aside to final. Between the two renames a reader may find nothing for an instant, never a half."""
    old = final.with_name(f".{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    aside.rename(final)
    shutil.rmtree(old, ignore_errors=True)


def _grid(study: Study, stage: str, sweep: str, held: dict[str, tiles.Place]) -> _Grid:
    scope = STAGES[stage].scope
    axes = scoped_axes(study, sweep, scope)
    swept = study.swept(sweep)
    points = list(sweep_points(study, sweep, scope))
    return _Grid(
        {name: np.array(values) for name, values in axes.items() if name in swept},
        {name: values[0] for name, values in axes.items() if name not in swept},
        [held.get(point_id(point)) for point in points],
        points,
    )


def _write_sweep(
    root: zarr.Group, study: Study, stage: str, sweep: str, grid: _Grid, status: NDArray[np.int8], reader: tiles.Reader
) -> Iterator[tuple[str, str]]:
    """Writes one sweep's group and yields (name, digest) of every array in it."""
    group = root.create_group(sweep)
    variables = STAGES[stage].variables(study.context(stage, sweep))
    flag = Variable(f"status_{stage}", f"status of the {stage} stage", "1", "rnn-atlas", dtype="i1", flags=FLAGS)
    yield from _write_axes(group, study, grid.dims, grid.fixed)
    yield _write(group, flag, list(grid.dims), status.reshape(grid.shape))
    coordinates = _tile_coordinates(grid.places, reader)
    for variable in variables:
        if variable.published and not variable.per_network:
            block = _gather(variable, grid.places, coordinates, reader)
            block = block.reshape((*grid.shape, *_extra(variable, grid, coordinates)))  # () for a single point
            yield _write(group, variable, [*grid.dims, *variable.dims], block)
    yield from _write_coordinates(group, [v for v in variables if not v.per_network and v.published], coordinates, study, stage)
    per_network = [v for v in variables if v.per_network and v.published and not v.catalogue]
    if per_network:
        yield from _write_per_network(group, study, stage, grid, per_network, reader)
    for name in sorted({v.catalogue for v in variables if v.catalogue}):
        yield from _write_catalogue(group, study, grid, name, [v for v in variables if v.catalogue == name], reader)


def _extra(variable: Variable, grid: _Grid, coordinates: dict[str, NDArray[Any]]) -> tuple[int, ...]:
    return tuple(len(coordinates.get(dim, ())) for dim in variable.dims)


def _write_per_network(
    group: zarr.Group, study: Study, stage: str, grid: _Grid, variables: list[Variable], reader: tiles.Reader
) -> Iterator[tuple[str, str]]:
    """Arrays whose length depends on N stand in one subgroup per N, without the N axis."""
    dims = {name: values for name, values in grid.dims.items() if name != "N"}
    shape = tuple(len(v) for v in dims.values())
    for N in sorted({point.network.N for point in grid.points}):
        sub = group.require_group(f"N={N}")
        rows = [i for i, point in enumerate(grid.points) if point.network.N == N]
        places = [grid.places[i] for i in rows]
        yield from ((f"N={N}/{name}", value) for name, value in _write_axes(sub, study, dims, {**grid.fixed, "N": N}))
        for variable in variables:
            block = _gather(variable, places, {}, reader)
            name, value = _write(sub, variable, [*dims, *variable.dims], block.reshape(*shape, *block.shape[1:]))
            yield f"N={N}/{name}", value
        coordinates = _tile_coordinates(places, reader)
        yield from ((f"N={N}/{name}", value) for name, value in _write_coordinates(sub, variables, coordinates, study, stage))


def _write_catalogue(
    group: zarr.Group, study: Study, grid: _Grid, name: str, columns: list[Variable], reader: tiles.Reader
) -> Iterator[tuple[str, str]]:
    """The entries of all points one behind the other, points in the order of the grid, in one subgroup per N. The swept
    parameters of its point stand beside every entry.
    """
    axes = [axis for axis in grid.dims if axis != "N"]
    for N in sorted({point.network.N for point in grid.points}):
        sub = group.require_group(f"N={N}").create_group(name)
        sub.attrs["coordinates"] = " ".join(axes)
        found = [
            (point, place)
            for point, place in zip(grid.points, grid.places, strict=True)
            if point.network.N == N and place is not None and place.status != Status.ERROR
        ]
        counts = [int(reader.member(place.file, f"value.entries_{name}")[place.row]) for _, place in found]
        for axis in axes:
            column = [(dict(point.network.parameters) | dict(point.dynamics))[axis] for point, _ in found]
            written = _write(sub, _axis(study, axis), ["entry"], np.repeat(np.array(column), counts))
            yield f"N={N}/{name}/{written[0]}", written[1]
        for variable in columns:
            blocks = [
                reader.member(place.file, f"value.{variable.name}")[place.row][:count]
                for (_, place), count in zip(found, counts, strict=True)
            ]
            entries = np.concatenate(blocks) if blocks else np.zeros((0,) * len(variable.dims))
            written = _write(sub, variable, list(variable.dims), entries)
            yield f"N={N}/{name}/{written[0]}", written[1]


def _tile_coordinates(places: list[tiles.Place | None], reader: tiles.Reader) -> dict[str, NDArray[Any]]:
    """Coordinates behind the grid, as long as the longest tile has them."""
    longest: dict[str, NDArray[Any]] = {}
    for file in sorted({place.file for place in places if place is not None}):
        for name, values in reader.coordinates(file).items():
            if len(values) > len(longest.get(name, ())):
                longest[name] = values
    return longest


def _gather(
    variable: Variable, places: list[tiles.Place | None], coordinates: dict[str, NDArray[Any]], reader: tiles.Reader
) -> NDArray[Any]:
    """(points, ...) values of one variable; NaN (0 for integers) where there is none."""
    rows: dict[Path, list[tuple[int, int]]] = {}
    for i, place in enumerate(places):
        if place is not None and place.status != Status.ERROR:
            rows.setdefault(place.file, []).append((i, place.row))
    blocks = {file: reader.member(file, f"value.{variable.name}") for file in rows}
    lengths = [block.shape[1:] for block in blocks.values()] + [tuple(len(coordinates.get(d, ())) for d in variable.dims)]
    shape = tuple(max(sizes) for sizes in zip(*lengths, strict=True)) if variable.dims else ()
    blank = 0 if variable.dtype.startswith(("i", "u")) else np.nan
    out = np.full((len(places), *shape), blank, np.dtype(variable.dtype))
    for file, pairs in rows.items():
        inside: Any = tuple(slice(n) for n in blocks[file].shape[1:])
        for i, row in pairs:
            out[(i, *inside)] = blocks[file][row]
    return out


def _write_axes(
    group: zarr.Group, study: Study, dims: dict[str, NDArray[Any]], fixed: dict[str, Number]
) -> Iterator[tuple[str, str]]:
    for name, values in [*dims.items(), *((n, np.array(v)) for n, v in fixed.items())]:
        yield _write(group, _axis(study, name), [name] if values.ndim else [], values)
    group.attrs["coordinates"] = " ".join(fixed)


def _axis(study: Study, name: str) -> Variable:
    """A parameter as a coordinate."""
    parameter = {p.name: p for p in (*study.known_parameters, REALIZATION)}[name]
    kind = "i8" if parameter.is_integer else "f8"
    return Variable(name, parameter.long_name, parameter.unit, "the study file", dtype=kind)


def _write_coordinates(
    group: zarr.Group, variables: list[Variable], coordinates: dict[str, NDArray[Any]], study: Study, stage: str
) -> Iterator[tuple[str, str]]:
    unit = study.context(stage, next(iter(study.sweeps))).model.time_unit
    units = {"lag": unit, "time": unit, "frequency": f"cycles {unit}-1"}
    units |= {"theory_lag": unit, "theory_frequency": f"cycles {unit}-1", "transient_time": unit, "transient_time_later": unit}
    units |= {"response_lag": unit, "covariant_lag": unit, "transmission_time": unit, "response_frequency": f"cycles {unit}-1"}
    units |= {"trajectory_time": unit, "ladder_time": unit, "ladder_frequency": f"cycles {unit}-1"}
    used = {dim for variable in variables for dim in variable.dims}
    for name in sorted(used & coordinates.keys()):
        values = coordinates[name]
        label = _LABELS.get(name, name)
        yield _write(
            group, Variable(name, label, units.get(name, "1"), "the stage's options", dtype=values.dtype.str), [name], values
        )


def _write(group: zarr.Group, variable: Variable, dims: list[str], values: NDArray[Any]) -> tuple[str, str]:
    """One array with its labels; returns its name and digest."""
    values = np.asarray(values, dtype=variable.dtype, order="C")
    attributes: dict[str, Any] = {"long_name": variable.long_name, "units": variable.unit, "source": variable.source}
    if variable.flags:
        attributes |= {"flag_values": [v for v, _ in variable.flags], "flag_meanings": " ".join(m for _, m in variable.flags)}
    fill = 0 if values.dtype.kind in "iu" else float("nan")
    array = group.create_array(
        variable.name, shape=values.shape, dtype=values.dtype, chunks=_chunks(values), dimension_names=dims,
        attributes=attributes, fill_value=fill, config={"write_empty_chunks": True},
    )  # fmt: skip
    array[...] = values
    return variable.name, f"{','.join(dims)}:{array_digest(values).hex()}"


def _chunks(values: NDArray[Any]) -> tuple[int, ...]:
    """The whole array, halved along its leading axes until a chunk is at most 16 MiB."""
    chunks = [max(1, n) for n in values.shape]
    axis = 0
    while np.prod(chunks, dtype=float) * values.itemsize > LARGEST_CHUNK and axis < len(chunks):
        if chunks[axis] > 1:
            chunks[axis] = -(-chunks[axis] // 2)
        else:
            axis += 1
    return tuple(chunks)


def require(results: Path, stage: str) -> Path:
    """The published dataset of a stage, or a StoreError that says how to get it."""
    path = path_of(results, stage)
    if not path.is_dir():
        raise StoreError(f"{path} is not there. Run `rnn-atlas stage {stage} config/<study>.yaml` first")
    return path
