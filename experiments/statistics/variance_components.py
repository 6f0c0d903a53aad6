"""Print mean squares and nested variance components as statsmodels computes them, for the tests to compare with.

    pip install statsmodels && python experiments/statistics/variance_components.py

`tests/results/statistics/test_variance_components.py` has the numbers that this printed with statsmodels 0.15.
"""

import numpy as np
import pandas as pd
from statsmodels.formula.api import mixedlm, ols
from statsmodels.stats.anova import anova_lm

CROSSED = [[0.91, 0.94, 0.90, 0.95], [0.93, 0.95, 0.89, 0.97], [0.88, 0.93, 0.90, 0.92]]
NESTED = [[0.91, 0.92, 0.90, 0.94], [0.95, 0.97, 0.94, 0.96], [0.88, 0.86, 0.90, 0.87], [0.93, 0.92, 0.95, 0.93]]


def main() -> None:
    """Print the mean squares of rows, columns and rest, and the variances between and within groups."""
    cells = pd.DataFrame([(*place, value) for place, value in np.ndenumerate(np.array(CROSSED))], columns=[*"rcy"])
    print("mean squares", anova_lm(ols("y ~ C(r) + C(c)", cells).fit())["mean_sq"].tolist())
    groups = pd.DataFrame(
        [(row, 100 * value) for row, values in enumerate(NESTED) for value in values], columns=[*"gy"]
    )
    model = mixedlm("y ~ 1", groups, groups="g").fit(reml=True, gtol=1e-12)
    print("components", [float(model.cov_re.iloc[0, 0]) / 1e4, float(model.scale) / 1e4])
    anova = anova_lm(ols("y ~ C(g)", groups).fit())["mean_sq"].tolist()
    print("by mean squares", [(anova[0] - anova[1]) / 4 / 1e4, anova[1] / 1e4])


if __name__ == "__main__":
    main()
