"""Pictures of a frame of runs and of their histories: one function a picture, each of which gives a figure.

``pictures`` in `nnsweep.results.plots.pictures` draws all that make sense for a frame. What stands here is for those
who must not wait for matplotlib's import: the colours, and a function that draws one job once it has been trained.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

COLOURS = ("#154FC6", "#B43F00", "#0D9B6A", "#EF9201", "#000000", "#509AEC", "#682415", "#AF5A9F")
"""The colours of configurations in pictures, the best first, and of runs in MLflow's UI.

They are Okabe and Ito's (Color universal design, 2008) without yellow, which is faint on paper, moved apart until any
two differ by more than 31 (CIE76) for readers with and without deuteranopia and by 4 in lightness.
"""


def draw_job(history: "pd.DataFrame", title: str, folder: Path) -> Path:
    """Draw a job's learning curves into a folder, and give the picture's path."""
    from nnsweep.results.plots.curves import job_curves  # matplotlib takes a while to import
    from nnsweep.results.plots.drawing import save_figure

    path = folder / "learning_curves.png"
    save_figure(job_curves(history, title), path)
    return path
