"""Every mean, and depth and width by themselves: in each data set the mean over all levels of the other.

python levels.py        # reads table.csv, writes scores.csv and levels.csv
"""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

import nnsweep
from nnsweep.results.statistics.data_sets import name_data_sets
from nnsweep.results.statistics.ranks import drop_rounding, rank_scores, run_friedman_test, run_wilcoxon_test
from nnsweep.results.statistics.tests import correct_by_holm

FOLDER = Path(__file__).parent


def compare_levels(runs: pd.DataFrame, factor: str) -> pd.DataFrame:
    """Compare the levels of a factor in pairs; a run that diverged counts as guessing."""
    accuracy = runs["test_accuracy"].where(runs["state"] == "finished", runs["chance_accuracy"])
    scores = accuracy.groupby([name_data_sets(runs), runs[factor]]).mean().unstack()
    ranks, friedman = rank_scores(scores.to_numpy()).mean(axis=0), run_friedman_test(scores.to_numpy())
    rows = []
    for one, other in combinations(range(scores.shape[1]), 2):
        first, second = scores.iloc[:, one].to_numpy(), scores.iloc[:, other].to_numpy()
        signs = np.sign(drop_rounding(first - second, 1.0))
        row = {"factor": factor, "level": scores.columns[one], "other": scores.columns[other]}
        row |= {"mean_rank": ranks[one], "mean_rank_of_other": ranks[other], "difference": (first - second).mean()}
        row |= {"median_difference": np.median(first - second), "n_better": int((signs > 0).sum())}
        row |= {"n_equal": int((signs == 0).sum()), "n_worse": int((signs < 0).sum())}
        rows.append(row | {"p": run_wilcoxon_test(first, second)[1], "friedman_p": friedman.p_f})
    table = pd.DataFrame(rows)
    return table.assign(p_holm=correct_by_holm(table["p"].to_numpy()))


def main() -> None:
    """Write the means, and the table of both factors."""
    runs = pd.read_csv(FOLDER / "table.csv")
    compared = nnsweep.compare_data_sets(runs, by=["depth", "width"])
    scores = compared.scores.loc[compared.labels].T
    scores.loc["farthest from the best"] = (scores.max(axis=1).to_numpy()[:, None] - scores).max()
    scores.round(4).to_csv(FOLDER / "scores.csv", index_label="data_set")
    found = pd.concat([compare_levels(runs, factor) for factor in ("depth", "width")])
    print(found.round(4).to_string(index=False))
    found.round(6).to_csv(FOLDER / "levels.csv", index=False)


if __name__ == "__main__":
    main()
