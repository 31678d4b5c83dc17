"""Where tiles are computed: in this process, on a local Dask cluster, or on one that is already there."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rnn_atlas.errors import AtlasError

SERIAL = "serial"
LOCAL = "local"
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Pinned to 1 in every process that computes: Dask does the others by itself, but leaves numba at all cores."""


def check_cluster(cluster: str) -> None:
    """AtlasError if this names no cluster; said before anything is computed."""
    kind, _, where = cluster.partition(":")
    if cluster in (SERIAL, LOCAL) or (kind == "address" and where) or (kind == "file" and Path(where).is_file()):
        return
    raise AtlasError(
        f"a cluster is serial, local, address:tcp://host:port or file:scheduler.json; got {cluster!r}. "
        "Start one with `dask scheduler` and `dask worker --nthreads 1`, or leave the option away"
    )


@contextlib.contextmanager
def connect(cluster: str, workers: int) -> Iterator[Any]:
    """A Dask client for `local` (workers processes of one thread each), `address:tcp://...` or `file:scheduler.json`."""
    import dask
    from distributed import Client, LocalCluster

    environment = {f"distributed.nanny.pre-spawn-environ.{name}": 1 for name in THREAD_VARIABLES}
    with dask.config.set(environment):
        if cluster == LOCAL:
            with (
                tempfile.TemporaryDirectory(prefix="rnn-atlas-") as scratch,
                LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0", local_directory=scratch) as local,
                Client(local) as client,
            ):
                yield client
            return
        kind, _, where = cluster.partition(":")
        client = Client(where, timeout=30) if kind == "address" else Client(scheduler_file=where, timeout=30)
        with client:
            yield client
