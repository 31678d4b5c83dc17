"""A study's figure by name: drawn from the published datasets alone, saved as PNG and PDF with its origin in the metadata."""

import json
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from rnn_atlas.atlas import open_atlas
from rnn_atlas.config import Study
from rnn_atlas.errors import StoreError
from rnn_atlas.figures.kinds import drawer
from rnn_atlas.figures.style import style


def draw_figure(study: Study, name: str, results: Path) -> list[Path]:
    """Draws figure `name` of the study and returns the files written."""
    if name not in study.figures:
        raise StoreError(f"study {study.study!r} has the figures {', '.join(study.figures)}; got {name!r}")
    options = study.figures[name]
    atlas = open_atlas(results)
    origin = {
        stage: atlas.receipts[stage]["digest"][:16] for stage in (*options.needed, *options.extras) if stage in atlas.stages
    }
    with mpl.rc_context({"backend": "agg"}), style():
        figure: Figure = drawer(options.kind).draw(atlas, options)
        return _saved(figure, results / "figures", name, f"study {study.study}, data {json.dumps(origin)}")


def _saved(figure: Figure, folder: Path, name: str, origin: str) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    png, pdf = folder / f"{name}.png", folder / f"{name}.pdf"
    figure.savefig(png, metadata={"Software": "rnn-atlas", "Description": origin})
    figure.savefig(pdf, metadata={"Creator": "rnn-atlas", "Subject": origin, "CreationDate": None})
    return [png, pdf]
