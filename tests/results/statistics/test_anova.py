"""Shares of variance: a textbook's table, statsmodels' figures, and sums that add up."""

import itertools
import math
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nnsweep.errors import ConfigError
from nnsweep.results.statistics.anova import effects

patiently = settings(deadline=None, max_examples=30)

# Montgomery, Design and Analysis of Experiments, table 5.1: life of batteries, 3 materials x 3 temperatures x 4.
BATTERIES = [
    *(130, 155, 74, 180, 34, 40, 80, 75, 20, 70, 82, 58),
    *(150, 188, 159, 126, 136, 122, 106, 115, 25, 70, 58, 45),
    *(138, 110, 168, 160, 174, 120, 150, 139, 96, 104, 82, 60),
]


@pytest.fixture
def batteries():
    cells = list(itertools.product([1, 2, 3], [15, 70, 125], range(4)))
    runs = pd.DataFrame(cells, columns=["material", "temperature", "seed"])
    return runs.assign(life=BATTERIES)


@pytest.fixture
def ragged():
    """Three factors and three seeds, of which some runs are lacking: by a rule, so that others can repeat it."""
    cells = itertools.product(range(3), range(2), range(3), range(3))
    rows = [
        (d, w, s, k, ((7 * d + 3 * w * w + 5 * s + d * w + 2 * w * s * d + 11 * k * k + (13 * i) % 17) % 29) / 29)
        for i, (d, w, s, k) in enumerate(cells)
    ]
    return pd.DataFrame(rows, columns=["d", "w", "s", "seed", "y"]).drop([0, 7, 8, 20, 33, 34, 50])


def column(found, name):
    return found.set_index("term")[name].to_dict()


def test_montgomerys_battery_table(batteries):
    found = effects(batteries, "life").set_index("term")
    squares = {
        "material": 10683.72,
        "temperature": 39118.72,
        "material:temperature": 9613.78,
        "residual": 18230.75,
        "total": 77646.97,
    }
    assert found["sum_of_squares"].to_dict() == pytest.approx(squares, abs=0.005)
    assert found["df"].tolist() == [2, 2, 4, 27, 35]
    assert found["f"].tolist()[:3] == pytest.approx([7.91, 28.97, 3.56], abs=0.005)
    assert found["p"].tolist()[:3] == pytest.approx([0.0020, 0.0000, 0.0186], abs=0.00005)
    assert found["eta_squared"]["temperature"] == pytest.approx(39118.72 / 77646.97, abs=1e-6)
    assert found["partial_eta_squared"]["temperature"] == pytest.approx(39118.72 / (39118.72 + 18230.75), abs=1e-6)
    omega = (39118.72 - 2 * 675.21) / (77646.97 + 675.21)
    assert found["omega_squared"]["temperature"] == pytest.approx(omega, abs=1e-6)


def test_unequal_cells_are_statsmodels_type_ii(batteries):
    """statsmodels 0.15: anova_lm(ols("life ~ C(material) * C(temperature)", runs).fit(), typ=2)."""
    found = effects(batteries.drop([0, 5, 6, 17, 35]), "life")
    assert column(found, "sum_of_squares") == pytest.approx(
        {
            "material": 7385.340204079423,
            "temperature": 33448.5523252916,
            "material:temperature": 8126.57898783978,
            "residual": 16496.666666666668,
            "total": 69463.35483870970,
        },
        rel=1e-10,
    )
    assert found["f"].tolist()[:3] == pytest.approx(
        [4.924554995648029, 22.303540649315472, 2.7094070175663036], rel=1e-10
    )
    assert found["p"][0] == pytest.approx(0.017083591635458712, rel=1e-10)
    assert "type II" in found.attrs["notes"][0]


def test_unequal_cells_with_blocks_are_statsmodels_type_ii(batteries):
    """statsmodels 0.15: anova_lm(ols("life ~ C(material) * C(temperature) + C(seed)", runs).fit(), typ=2)."""
    found = effects(batteries.drop([0, 5, 6, 17, 35]), "life", blocks=True)
    squares = column(found, "sum_of_squares")
    assert squares["material"] == pytest.approx(7201.095220358894, rel=1e-10)
    assert squares["material:temperature"] == pytest.approx(7727.370216440255, rel=1e-10)
    assert squares["seed"] == pytest.approx(695.0221014492668, rel=1e-10)
    assert squares["residual"] == pytest.approx(15801.64456521739, rel=1e-10)
    assert column(found, "df") == {
        **{"material": 2, "temperature": 2, "material:temperature": 4},
        **{"seed": 3, "residual": 19, "total": 30},
    }


def test_three_factors_are_statsmodels_type_ii(ragged):
    """statsmodels 0.15: anova_lm(ols("y ~ C(d) * C(w) * C(s)", runs).fit(), typ=2)."""
    found = effects(ragged, "y")
    squares = {
        "d": 0.43492108582548605,
        "w": 0.04612296601000562,
        "s": 0.6841255964069691,
        "d:w": 0.021600227322762972,
        "d:s": 0.38615861202046825,
        "w:s": 0.0712008367376459,
        "higher-order interactions": 1.1346789819736849,
        "residual": 1.7792310741181137,
    }
    told = column(found, "sum_of_squares")
    del told["total"]
    assert told == pytest.approx(squares, rel=1e-10)
    assert column(found, "p")["higher-order interactions"] == pytest.approx(0.005200508449038903, rel=1e-10)


def test_missing_cell_costs_the_interaction_a_degree_of_freedom(batteries):
    """statsmodels 0.15: differences of the residual sums of squares of nested models."""
    found = effects(batteries.drop([0, 1, 2, 3]), "life").set_index("term")
    assert found["sum_of_squares"].to_dict() == pytest.approx(
        {
            "material": 11430.375,
            "temperature": 24510.375,
            "material:temperature": 8257.083333333333,
            "residual": 12060,
            "total": 67633.5,
        },
        rel=1e-10,
    )
    assert found["df"]["material:temperature"] == 3


levels = st.tuples(st.integers(2, 3), st.integers(2, 3), st.integers(2, 3), st.integers(2, 3))


def full(shape, seed):
    cells = list(itertools.product(*(range(n) for n in shape)))
    values = np.random.default_rng(seed).random(len(cells))
    return pd.DataFrame(cells, columns=["a", "b", "c", "seed"]).assign(test_accuracy=values)


@patiently
@given(levels, st.integers(0, 2**32 - 1), st.booleans())
def test_in_a_balanced_design_everything_adds_up(shape, seed, blocks):
    found = effects(full(shape, seed), blocks=blocks)
    parts, total = found[found["term"] != "total"], found.iloc[-1]
    assert parts["sum_of_squares"].sum() == pytest.approx(total["sum_of_squares"], rel=1e-10)
    assert parts["df"].sum() == total["df"]
    assert parts["eta_squared"].sum() == pytest.approx(1, rel=1e-10)


@pytest.mark.slow
@patiently
@given(levels, st.integers(0, 2**32 - 1), st.booleans())
def test_marginal_means_and_least_squares_agree(shape, seed, blocks):
    runs = full(shape, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nnsweep.results.statistics.anova.make_cube", lambda design: None)
        expected = effects(runs, blocks=blocks)
    pd.testing.assert_frame_equal(effects(runs, blocks=blocks), expected, rtol=1e-8, atol=1e-10)


def solve_run_by_run(runs, blocks):
    """Give sums of squares of type II and their degrees of freedom by least squares with a row for each run."""
    y = (runs["test_accuracy"] - runs["test_accuracy"].mean()).to_numpy()

    def residual(*terms):
        columns = [np.eye(len(runs))[runs.groupby([*term]).ngroup()] for term in terms]
        matrix = np.hstack([np.ones((len(y), 1)), *columns])
        solution, _, rank, _ = np.linalg.lstsq(matrix, y, rcond=None)
        return np.array([np.sum((y - matrix @ solution) ** 2), len(y) - rank])

    seeds = [("seed",)] if blocks else []
    terms = [("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c")]
    without = {term: [other for other in terms if not set(term) <= set(other)] + seeds for term in terms}
    sums = {":".join(term): residual(*others) - residual(*others, term) for term, others in without.items()}
    within = residual(("a", "b", "c"), *seeds)
    sums["seed"] = residual(("a", "b", "c")) - within
    sums["higher-order interactions"] = residual(*terms, *seeds) - within
    return sums | {"residual": within}


@pytest.mark.slow
@patiently
@given(levels, st.integers(0, 2**32 - 1), st.floats(0.05, 0.5), st.booleans())
def test_cells_leave_the_squares_that_their_runs_leave(shape, seed, lacking, blocks):
    whole = full(shape, seed)
    runs = whole.sample(n=round(len(whole) * (1 - lacking)), random_state=seed)
    expected = solve_run_by_run(runs, blocks)
    assume(expected["residual"][1] > 0)  # if not, interactions of three are the residual
    found = effects(runs, factors=["a", "b", "c"], blocks=blocks)
    assume(found.attrs["factors"] == ["a", "b", "c"])
    total = found["sum_of_squares"].iloc[-1]
    for _, row in found[:-1].iterrows():
        squares, df = expected[row["term"]]
        assert row["df"] == df
        assert row["sum_of_squares"] == pytest.approx(squares if df else 0, abs=1e-9 * total)


@pytest.mark.slow
def test_lacking_runs_cost_little_time():
    """2,000 cells: 5 times as long as with all runs; least squares with a row for each run takes 45 times as long."""
    runs = full((20, 10, 10, 3), 0)

    def seconds(part):
        start = time.thread_time()
        effects(part)
        return time.thread_time() - start

    complete = max(seconds(runs) for _ in range(3))
    assert seconds(runs.iloc[50:]) < 15 * complete


@pytest.mark.slow
@patiently
@given(levels, st.integers(0, 2**32 - 1), st.randoms(use_true_random=False), st.integers(0, 3))
def test_the_order_of_the_rows_changes_nothing(shape, seed, random, n_lacking):
    runs = full(shape, seed).iloc[n_lacking:]
    order = list(range(len(runs)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(effects(runs), effects(runs.iloc[order]), rtol=1e-10, atol=1e-12)


@pytest.mark.slow
def test_a_factor_that_does_nothing_explains_nothing():
    """Under the null hypothesis the mean of ω² is 0, while that of η² is what chance explains."""
    found = [column(effects(full((3, 2, 2, 4), seed)), "omega_squared")["a"] for seed in range(200)]
    assert np.mean(found) == pytest.approx(0, abs=4 * np.std(found) / math.sqrt(200))


def test_one_run_a_cell_leaves_no_residual_and_says_so():
    found = effects(full((2, 3, 1, 1), 0))
    assert found["f"].isna().all()
    assert found["p"].isna().all()
    assert column(found, "note") == {
        **dict.fromkeys(["a", "b", "a:b"], "no residual to test it against"),
        **{"residual": "no residual degrees of freedom", "total": ""},
    }
    assert "every combination was run once" in found.attrs["notes"][-1]
    assert column(found, "eta_squared")["a"] > 0


def test_without_repeats_higher_interactions_are_the_residual():
    found = effects(full((2, 3, 3, 1), 0)).set_index("term")
    assert found["df"]["residual"] == 1 * 2 * 2
    assert "higher-order interactions" not in found.index
    assert found["p"].notna()[:6].all()


def test_confounded_terms_are_said_to_be():
    """Half of a 2 x 2 x 2 grid, in which c is the product of a and b."""
    rows = [(a, b, (a + b) % 2, seed) for a in (0, 1) for b in (0, 1) for seed in (0, 1)]
    runs = pd.DataFrame(rows, columns=["a", "b", "c", "seed"]).assign(test_accuracy=np.linspace(0, 1, 8) ** 2)
    found = effects(runs)
    assert column(found, "df")["c"] == 0
    assert column(found, "note")["c"] == "confounded with other terms"


def test_runs_that_all_came_to_the_same_explain_nothing():
    found = effects(full((2, 2, 2, 2), 0).assign(test_accuracy=0.1 + 0.2))
    assert (found["sum_of_squares"] == 0).all()
    assert found[["f", "p", "eta_squared", "omega_squared"]].isna().all(axis=None)


def test_seeds_that_change_nothing_give_no_test():
    runs = full((2, 2, 2, 2), 0)
    found = effects(runs.assign(test_accuracy=0.3 + 0.1 * runs["a"]))
    assert column(found, "eta_squared")["a"] == pytest.approx(1)
    assert found["p"].isna().all()


def test_failed_runs_are_left_out_and_told():
    runs = full((2, 2, 2, 3), 0).assign(state="finished")
    runs.loc[[3, 4], "state"] = ["diverged", "failed"]
    found = effects(runs)
    assert column(found, "df")["total"] == 21
    assert "2 runs of 1 configuration ended without a test_accuracy: means are over the others" in found.attrs["notes"]


def test_what_says_the_same_is_left_out_and_told():
    runs = full((2, 2, 2, 2), 0)
    found = effects(runs.assign(copy=runs["a"] + 1))
    assert found.attrs["factors"] == ["a", "b", "c"]
    assert "left out as equivalent to a: copy" in found.attrs["notes"]


def test_a_single_configuration_has_only_its_seeds():
    found = effects(full((1, 1, 1, 5), 0))
    assert found["term"].tolist() == ["residual", "total"]


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        (lambda runs: runs, {"factors": ["aa"]}, "unknown name 'aa'"),
        (lambda runs: runs.drop(columns="seed").assign(speed=1), {"blocks": True}, "did you mean 'speed'"),
        (lambda runs: runs.assign(state="failed"), {}, "no run finished with a finite test_accuracy"),
        (lambda runs: pd.concat([runs, runs]), {}, "have one configuration"),
    ],
)
def test_what_cannot_be_is_refused(change, arguments, message):
    with pytest.raises(ConfigError, match=message):
        effects(change(full((2, 2, 2, 2), 0)), **arguments)
