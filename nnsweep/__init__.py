"""nnsweep answers which depth, width, activation and learning-rate schedule to use, and how sure we are.

The package is divided into five rooms: ``mlp`` (the network and its trainer), ``data`` (where examples
come from), ``sweep`` (from configuration to finished jobs), ``tracking`` (the records in MLflow) and
``results`` (tables and pictures). ``app`` is the command line that joins them.

A study is a few calls: ``runs = nnsweep.sweep(["arch=shallow,wide", "seed=range(0,5)"])``, or
``nnsweep.load_results("study")`` of a finished one, then `compare`, `effects` and pictures of it. What is
named here is imported when it is first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnsweep.api.loading import load_correct, load_histories, load_results
    from nnsweep.api.reporting import report
    from nnsweep.api.sweeping import sweep
    from nnsweep.estimator.classifier import NNClassifier
    from nnsweep.estimator.search import (
        StackedHalvingRandomSearchCV,
        StackedHalvingSearchCV,
        StackedRandomizedSearchCV,
        StackedSearchCV,
    )
    from nnsweep.results.labels import outcomes
    from nnsweep.results.plots.cost import plot_cost
    from nnsweep.results.plots.effects import plot_effects
    from nnsweep.results.plots.grid import plot_grid
    from nnsweep.results.plots.mean_curves import plot_learning_curves
    from nnsweep.results.plots.parallel import plot_parallel
    from nnsweep.results.plots.pictures import pictures
    from nnsweep.results.plots.schedules import plot_schedules
    from nnsweep.results.plots.seeds import plot_seeds
    from nnsweep.results.statistics.anova import effects
    from nnsweep.results.statistics.comparison import compare, indistinguishable
    from nnsweep.results.statistics.examples import compare_examples
    from nnsweep.results.statistics.fairness import fair_comparison
    from nnsweep.results.statistics.optimism import optimism
    from nnsweep.results.statistics.summary import configurations
    from nnsweep.results.statistics.tradeoff import prices

__version__ = "0.1.0"
__all__ = [
    "NNClassifier",
    "StackedHalvingRandomSearchCV",
    "StackedHalvingSearchCV",
    "StackedRandomizedSearchCV",
    "StackedSearchCV",
    "__version__",
    "compare",
    "compare_examples",
    "configurations",
    "effects",
    "fair_comparison",
    "indistinguishable",
    "load_correct",
    "load_histories",
    "load_results",
    "optimism",
    "outcomes",
    "pictures",
    "plot_cost",
    "plot_effects",
    "plot_grid",
    "plot_learning_curves",
    "plot_parallel",
    "plot_schedules",
    "plot_seeds",
    "prices",
    "report",
    "sweep",
]

_MODULES = {
    "NNClassifier": "estimator.classifier",
    "StackedHalvingRandomSearchCV": "estimator.search",
    "StackedHalvingSearchCV": "estimator.search",
    "StackedRandomizedSearchCV": "estimator.search",
    "StackedSearchCV": "estimator.search",
    "compare": "results.statistics.comparison",
    "compare_examples": "results.statistics.examples",
    "configurations": "results.statistics.summary",
    "effects": "results.statistics.anova",
    "fair_comparison": "results.statistics.fairness",
    "indistinguishable": "results.statistics.comparison",
    "load_correct": "loading",
    "load_histories": "loading",
    "load_results": "loading",
    "optimism": "results.statistics.optimism",
    "outcomes": "results.labels",
    "pictures": "results.plots.pictures",
    "plot_cost": "results.plots.cost",
    "plot_effects": "results.plots.effects",
    "plot_grid": "results.plots.grid",
    "plot_learning_curves": "results.plots.mean_curves",
    "plot_parallel": "results.plots.parallel",
    "plot_schedules": "results.plots.schedules",
    "plot_seeds": "results.plots.seeds",
    "prices": "results.statistics.tradeoff",
    "report": "reporting",
    "sweep": "sweeping",
}

if not TYPE_CHECKING:  # a type checker would take any name to be there

    def __getattr__(name: str) -> Any:
        """Import what is asked for the first time."""
        if name not in _MODULES:
            raise AttributeError(f"module 'nnsweep' has no attribute {name!r}")
        return getattr(import_module(f"nnsweep.{_MODULES[name]}"), name)

    def __dir__() -> list[str]:
        """List what is imported later, too."""
        return sorted({*globals(), *_MODULES})
