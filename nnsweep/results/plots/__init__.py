"""Pictures of a frame of runs and of their histories: one function a picture, each of which gives a figure.

``pictures`` in `nnsweep.results.plots.pictures` draws all that make sense for a frame. What stands here is for those
who must not wait for matplotlib's import: the colours, and a function that draws one job once it has been trained.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
"""The colours of curves, here and in MLflow's UI: colour-blind people can tell them apart.

Source: Okabe and Ito, Color universal design, 2008, without its yellow, which is faint on paper.
"""


def draw_job(history: "pd.DataFrame", title: str, folder: Path) -> Path:
    """Draw a job's learning curves into a folder, and give the picture's path."""
    from nnsweep.results.plots.curves import job_curves  # matplotlib takes a while to import
    from nnsweep.results.plots.figure import save_figure

    path = folder / "learning_curves.png"
    save_figure(job_curves(history, title), path)
    return path
