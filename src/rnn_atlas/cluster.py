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
    """A Dask client for `local` (workers processes of one thread each), `address:tcp://...` or `file:scheduler.json`.

    Local workers are still starting when it is handed over.
    """
    from distributed import Client

    if cluster == LOCAL:
        with _local(workers) as local, Client(local) as client:
            yield client
        return
    kind, _, where = cluster.partition(":")
    with Client(where, timeout=30) if kind == "address" else Client(scheduler_file=where, timeout=30) as client:
        yield client


@contextlib.contextmanager
def _local(workers: int) -> Iterator[Any]:
    """A cluster of processes that are forked from one that has imported everything and started no thread."""
    import dask
    from distributed import LocalCluster
    from distributed.utils import get_mp_context

    settings: dict[str, Any] = {f"distributed.nanny.pre-spawn-environ.{name}": 1 for name in THREAD_VARIABLES}
    with (
        dask.config.set(settings | {"distributed.worker.multiprocessing-method": "forkserver"}),
        tempfile.TemporaryDirectory(prefix="rnn-atlas-") as scratch,
    ):
        get_mp_context().set_forkserver_preload(["rnn_atlas.execute", "distributed.nanny"])
        # NOTE: port 0 is any that is free: two studies may run on one machine.
        with LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address=":0", local_directory=scratch) as local:
            local.scale(workers)
            yield local
