"""What a user's program does with every public name, for type checkers: `tests/test_types.py` has them read it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import nnsweep


def use_runs(folder: Path) -> None:
    runs = nnsweep.sweep(["arch=shallow,wide"], data="iris", seed=range(3), experiment="flowers", folder=folder)
    plan = nnsweep.sweep(dry_run=True, progress=False)
    print(plan["action"], nnsweep.load_results("flowers", filter="depth > 2", sweep=["a", "b"]))
    best = runs[runs["state"] == "finished"].sort_values("test_accuracy").iloc[0]
    print(best["name"], runs.attrs["sweep"])
    histories: Mapping[str, pd.DataFrame] = nnsweep.load_histories(runs)
    correct = nnsweep.load_correct(runs)
    shares = {run_id: float(one.right.mean()) for run_id, one in correct.items()}
    print(shares, nnsweep.compare_examples(runs, correct), nnsweep.estimate_accuracies(runs, correct))
    print([evaluation.confusion.trace() for evaluation in nnsweep.load_evaluations(runs).values()])
    use_statistics(runs, histories)
    use_pictures(runs, histories)
    found = nnsweep.report(runs, folder / "report.html", baseline="wide")
    answer = nnsweep.report("flowers").section("answer")
    if answer is not None:
        print(*answer.sentences, *answer.points, [table.frame for table in answer.tables])
    print(found.title, found.missing, found.experiment, [picture.figure for picture in found.pictures])
    print(nnsweep.confirm("flowers", seeds=3, only=["wide"])[["label", "mean"]])


def use_statistics(runs: pd.DataFrame, histories: Mapping[str, pd.DataFrame]) -> None:
    tables: list[pd.DataFrame] = [
        nnsweep.configurations(runs),
        nnsweep.judge(runs, rope=0.02),
        nnsweep.compare(runs, baseline={"arch": "wide"}),
        nnsweep.compare_equivalence(runs, reference="wide"),
        nnsweep.compare_rankings(runs, histories),
        nnsweep.decompose_variance(runs),
        nnsweep.effects(runs, factors=["arch"]),
        nnsweep.optimism(runs),
        nnsweep.outcomes(runs, histories),
        nnsweep.predict_ends(runs, histories),
        nnsweep.prices(runs, histories),
        nnsweep.marginal_means(runs).levels,
        nnsweep.fair_comparison(runs).table,
    ]
    labels: list[str] = nnsweep.indistinguishable(runs)
    print([table["label"].tolist() for table in tables], labels)


def use_pictures(runs: pd.DataFrame, histories: Mapping[str, pd.DataFrame]) -> None:
    over_data_sets = nnsweep.compare_data_sets(runs)
    figures: list[Figure] = [
        nnsweep.plot_grid(runs, x="width", y="depth"),
        nnsweep.plot_seeds(runs),
        nnsweep.plot_decision_boundaries(runs, x="width", y="depth"),
        nnsweep.plot_confusion(runs, nnsweep.load_evaluations(runs)),
        nnsweep.plot_reliability(runs, nnsweep.load_evaluations(runs)),
        nnsweep.plot_predictions(runs, nnsweep.load_evaluations(runs)),
        nnsweep.plot_cost(runs),
        nnsweep.plot_parallel(runs),
        nnsweep.plot_effects(nnsweep.effects(runs)),
        nnsweep.plot_marginal_means(nnsweep.marginal_means(runs)),
        nnsweep.plot_learning_curves(runs, histories),
        nnsweep.plot_curves_by(runs, histories, "depth"),
        nnsweep.plot_schedules(runs, histories),
        nnsweep.plot_comparison_matrix(over_data_sets),
        nnsweep.plot_critical_difference(over_data_sets),
        nnsweep.plot_performance_profile(over_data_sets),
        *nnsweep.pictures(runs, histories, only={"grid"}).values(),
    ]
    print(figures)


def use_estimators() -> None:
    X, y = np.zeros((4, 2)), np.array([0, 1, 0, 1])
    network = nnsweep.NNClassifier((8, 8), activation="tanh", solver={"name": "adam", "beta_2": 0.98}).fit(X, y)
    print(network.predict(X), network.predict_proba(X), network.score(X, y), network.classes_, network.history_)
    network.fit(X, y, np.ones(4), X_val=X, y_val=y, sample_weight_val=np.ones(4)).partial_fit(
        X, y, sample_weight=[1, 2, 1, 1]
    )
    line = nnsweep.NNRegressor((8,), loss={"name": "quantile", "quantiles": (0.1, 0.5, 0.9)}).fit(X, y, np.ones(4))
    print(
        line.predict(X),
        line.predict_quantiles(X),
        line.score(X, y, np.ones(4)),
        line.target_mean_,
        line.partial_fit(X, y),
    )
    grid = {"learning_rate_init": [0.01, 0.1]}
    print(nnsweep.StackedSearchCV(network, grid).fit(X, y).best_params_)
    print(nnsweep.StackedRandomizedSearchCV(network, grid, n_iter=2).fit(X, y).best_score_)
    print(nnsweep.StackedHalvingSearchCV(network, grid).fit(X, y).best_estimator_)
    print(nnsweep.StackedHalvingRandomSearchCV(network, grid).fit(X, y).cv_results_)
