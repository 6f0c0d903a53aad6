"""The picture of one job: its learning curves, drawn in whatever process trains it."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def draw_job(history: "pd.DataFrame", title: str, folder: Path) -> Path:
    """Draw a job's learning curves into a folder, and give the picture's path."""
    from nnsweep.results.plots.curves import job_curves  # matplotlib takes a while to import
    from nnsweep.results.plots.figure import save_figure

    path = folder / "learning_curves.png"
    save_figure(job_curves(history, title), path)
    return path
