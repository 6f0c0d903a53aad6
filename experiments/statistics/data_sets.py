"""Comparison over data sets: the same numbers as autorank and scikit-posthocs, and how often a pair is told apart.

python data_sets.py --instruments    # needs autorank, scikit-posthocs and multi-comp-matrix
python data_sets.py [--quick]        # writes data_sets.csv
"""

import argparse
import json
import warnings
from itertools import combinations, product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from nnsweep.results.statistics.ranks import (
    compute_critical_difference,
    count_blocks_needed,
    rank_scores,
    run_friedman_test,
    run_wilcoxon_test,
)
from nnsweep.results.statistics.tests import correct_by_holm, count_pairs

SEED = 15


def draw_scores(generator: np.random.Generator, n: int, shifts: np.ndarray, noise: str) -> np.ndarray:
    """Draw accuracies of shape (n, k): data sets of every difficulty, on which competitors differ by chance and shift.

    Differences have the spread of the data set, which varies tenfold; with ``steps`` they come in parts of 1/30.
    """
    level = generator.uniform(0.55, 0.9, (n, 1))
    spread = 10 ** generator.uniform(-2.5, -1.5, (n, 1))
    own = (
        generator.standard_t(3, (n, len(shifts))) if noise == "heavy tails" else generator.normal(size=(n, len(shifts)))
    )
    scores = np.clip(level + spread * (own + shifts), 0, 1)
    return np.round(scores * 30) / 30 if noise == "steps of 1/30" else scores


def count_told(scores: np.ndarray, critical_difference: float) -> tuple[bool, bool, bool]:
    """Say whether Friedman's test, Wilcoxon's with Holm's correction, and Nemenyi's tell anything apart."""
    k = scores.shape[1]
    p = [run_wilcoxon_test(scores[:, one], scores[:, two])[1] for one in range(k) for two in range(one + 1, k)]
    ranks = rank_scores(scores).mean(axis=0)
    return (
        bool(run_friedman_test(scores).p_f < 0.05),
        bool((correct_by_holm(p) < 0.05).any()),
        bool(np.ptp(ranks) > critical_difference),
    )


def simulate(n_repeats: int) -> pd.DataFrame:
    """Give the share of studies in which anything is told apart, where nothing differs and where one is better."""
    rows = []
    cells = product((10, 15, 30), (3, 9), ("normal", "heavy tails", "steps of 1/30"), (0.0, 1.0))
    for place, (n, k, noise, lead) in enumerate(cells):
        generator = np.random.default_rng([SEED, place])
        shifts = np.append(lead, np.zeros(k - 1))
        critical = compute_critical_difference(k, n)
        told = np.mean(
            [count_told(draw_scores(generator, n, shifts, noise), critical) for _ in range(n_repeats)], axis=0
        )
        rows.append([n, k, noise, lead, count_blocks_needed(count_pairs(k)), *told.round(4), n_repeats])
    columns = ["data_sets", "configurations", "noise", "lead", "data_sets_needed", "friedman", "wilcoxon_holm"]
    return pd.DataFrame(rows, columns=[*columns, "nemenyi", "repeats"])


def compare_in_matrix(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Give the cells of the matrix that Ismail-Fawaz et al. publish with their paper."""
    from multi_comp_matrix import MCM

    with TemporaryDirectory() as folder:
        MCM.compare(output_dir=f"{folder}/", df_results=table, excluded_row_comparates=None, save_as_json=True)
        return json.loads(next(Path(folder).glob("*.json")).read_text(encoding="utf-8"))


def compare_instruments() -> pd.DataFrame:
    """Give each number beside the library's."""
    import autorank
    import scikit_posthocs

    warnings.simplefilter("ignore")
    generator = np.random.default_rng(SEED)
    scores = np.round(draw_scores(generator, 14, np.array([1.5, 1.0, 0.5, 0.0, 0.0]), "normal"), 6)
    table = pd.DataFrame(scores, columns=list("abcde"))
    theirs = autorank.autorank(table, force_mode="nonparametric")
    holm = scikit_posthocs.posthoc_wilcoxon(scores.T.tolist(), p_adjust="holm").to_numpy()
    ours = correct_by_holm(
        [run_wilcoxon_test(scores[:, i], scores[:, j])[1] for i in range(5) for j in range(i + 1, 5)]
    )
    ranks = rank_scores(scores).mean(axis=0)
    apart, nemenyi = ranks[3] - ranks[0], scikit_posthocs.posthoc_nemenyi_friedman(scores).to_numpy()[0, 3]
    rows = [
        ("Friedman's p", run_friedman_test(scores).p, theirs.pvalue, "autorank"),
        (
            "critical difference at Nemenyi's p",
            compute_critical_difference(5, 14, 1 - nemenyi),
            apart,
            "scikit-posthocs",
        ),
        *(
            (f"mean rank of {name}", rank, theirs.rankdf["meanrank"][name], "autorank")
            for name, rank in zip("abcde", ranks, strict=True)
        ),
        *(
            (f"Wilcoxon, Holm: {'abcde'[i]} {'abcde'[j]}", p, holm[i, j], "scikit-posthocs")
            for p, (i, j) in zip(ours, [(i, j) for i in range(5) for j in range(i + 1, 5)], strict=True)
        ),
    ]
    matrix = compare_in_matrix(table)
    for i, j in combinations(range(5), 2):
        cell, name = matrix["abcde"[i] + "-vs-" + "abcde"[j]], f"{'abcde'[i]} {'abcde'[j]}"
        first, second = scores[:, i], scores[:, j]
        pairs = {"mean": (first - second).mean(), "win": (first > second).sum(), "loss": (first < second).sum()}
        pairs["pvalue"] = run_wilcoxon_test(first, second)[1]
        rows += [(f"matrix, {key}: {name}", ours, cell[key], "multi-comp-matrix") for key, ours in pairs.items()]
    found = pd.DataFrame(rows, columns=["number", "nnsweep", "library", "of"])
    print("scores =", scores.tolist(), "nemenyi =", nemenyi)
    return found.assign(apart=(found["nnsweep"] - found["library"]).abs())


def main() -> None:
    """Simulate, or compare instruments."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a tenth of the repeats; prints and writes nothing")
    parser.add_argument("--instruments", action="store_true")
    arguments = parser.parse_args()
    if arguments.instruments:
        print(compare_instruments().to_string(float_format="%.12f"))
        return
    found = simulate(100 if arguments.quick else 1000)
    print(found.to_string())
    if not arguments.quick:
        found.to_csv(Path(__file__).with_suffix(".csv"), index=False)


if __name__ == "__main__":
    main()
