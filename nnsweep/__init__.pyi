"""The public names of nnsweep, and where each comes from: `nnsweep.__init__` imports one when it is first used."""

from .api.confirm import confirm as confirm
from .api.load import load_correct as load_correct
from .api.load import load_evaluations as load_evaluations
from .api.load import load_histories as load_histories
from .api.load import load_results as load_results
from .api.report import report as report
from .api.sweep import sweep as sweep
from .estimator.classifier import NNClassifier as NNClassifier
from .estimator.regressor import NNRegressor as NNRegressor
from .estimator.search import StackedHalvingRandomSearchCV as StackedHalvingRandomSearchCV
from .estimator.search import StackedHalvingSearchCV as StackedHalvingSearchCV
from .estimator.search import StackedRandomizedSearchCV as StackedRandomizedSearchCV
from .estimator.search import StackedSearchCV as StackedSearchCV
from .results.labels import outcomes as outcomes
from .results.plots.confusion import plot_confusion as plot_confusion
from .results.plots.cost import plot_cost as plot_cost
from .results.plots.curves import plot_learning_curves as plot_learning_curves
from .results.plots.data_sets import plot_comparison_matrix as plot_comparison_matrix
from .results.plots.data_sets import plot_critical_difference as plot_critical_difference
from .results.plots.data_sets import plot_performance_profile as plot_performance_profile
from .results.plots.effects import plot_effects as plot_effects
from .results.plots.effects import plot_marginal_means as plot_marginal_means
from .results.plots.grid import plot_grid as plot_grid
from .results.plots.levels import plot_curves_by as plot_curves_by
from .results.plots.levels import plot_schedules as plot_schedules
from .results.plots.parallel import plot_parallel as plot_parallel
from .results.plots.pictures import pictures as pictures
from .results.plots.seeds import plot_seeds as plot_seeds
from .results.statistics.anova import effects as effects
from .results.statistics.best_set import judge as judge
from .results.statistics.comparison import compare as compare
from .results.statistics.comparison import indistinguishable as indistinguishable
from .results.statistics.data_sets import compare_data_sets as compare_data_sets
from .results.statistics.equivalence import compare_equivalence as compare_equivalence
from .results.statistics.examples import compare_examples as compare_examples
from .results.statistics.examples import estimate_accuracies as estimate_accuracies
from .results.statistics.extrapolation import predict_ends as predict_ends
from .results.statistics.fairness import fair_comparison as fair_comparison
from .results.statistics.marginal_means import marginal_means as marginal_means
from .results.statistics.optimism import optimism as optimism
from .results.statistics.rankings import compare_rankings as compare_rankings
from .results.statistics.summary import configurations as configurations
from .results.statistics.tradeoff import prices as prices
from .results.statistics.variance_components import decompose_variance as decompose_variance

__version__: str
