"""Exposure: how often the results on a test set have been looked at, in sweeps, unsealings and ensembles of a store.

A test set is known by the digest of its examples, whatever networks are trained on. Whoever measures on it says so in
tags of a run of their own before they begin, so that a look that was broken off counts, too.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from nnsweep.tracking.answers import explain_errors
from nnsweep.tracking.backend import LONGEST_TAG, RunQuery, find_backend
from nnsweep.tracking.query import ENSEMBLE

TEST_SETS = "nnsweep.test_sets."
"""How the tags begin that name test sets."""
KINDS = ("sweep", "unsealing", ENSEMBLE)
"""The kinds of runs that have such tags."""
_DIGITS = 16  # of a digest, which are enough to tell a test set from others
_TAG_LENGTH = LONGEST_TAG // _DIGITS * _DIGITS


class Exposure(NamedTuple):
    """Something that has measured results on a test set.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    name : str
        The id of a sweep, or of the run of an unsealing or an ensemble.
    """

    kind: str
    name: str


def make_exposure_tags(digests: Iterable[str]) -> dict[str, str]:
    """Write the digests of test sets as tags, each set once.

    Examples
    --------
    >>> make_exposure_tags(["0123456789abcdef0", "fedcba98765432100", "0123456789abcdef0"])
    {'nnsweep.test_sets.0000': '0123456789abcdeffedcba9876543210'}
    """
    text = "".join(dict.fromkeys(digest[:_DIGITS] for digest in digests))
    parts = [text[start : start + _TAG_LENGTH] for start in range(0, len(text), _TAG_LENGTH)]
    return {f"{TEST_SETS}{number:04}": part for number, part in enumerate(parts)}


def find_exposures(uri: str, digests: Collection[str]) -> dict[str, set[Exposure]]:
    """Find what has measured results on some test sets, in all experiments of a store.

    Sweeps of versions that did not say which test sets they measure on are not found. A run that was deleted in MLflow
    still counts: what was seen has been seen.

    Parameters
    ----------
    uri : str
        A store that is there.
    digests : collection of str
        Of the test sets.

    Returns
    -------
    dict
        What has measured on each, by its digest.

    Raises
    ------
    StoreError
        If the store refuses.
    """
    by_start = {digest[:_DIGITS]: digest for digest in digests}
    found: dict[str, set[Exposure]] = {digest: set() for digest in digests}
    if not found:
        return found
    with explain_errors(uri):
        backend = find_backend(uri)
        experiments = [one.experiment_id for one in backend.search_experiments()]
        for kind in KINDS:
            for run in backend.find_runs(experiments, RunQuery(tags={"nnsweep.kind": kind}, deleted=True)):
                name = run.data.tags.get("nnsweep.sweep", run.info.run_id) if kind == "sweep" else run.info.run_id
                for start in read_test_sets(run.data.tags) & by_start.keys():
                    found[by_start[start]].add(Exposure(kind, name))
    return found


def has_test_set(tags: Mapping[str, str], digests: Iterable[str]) -> bool:
    """Tell whether a run's tags name one of some test sets."""
    return not read_test_sets(tags).isdisjoint(digest[:_DIGITS] for digest in digests)


def read_test_sets(tags: Mapping[str, str]) -> set[str]:
    """Read what `make_exposure_tags` wrote: the beginnings of digests."""
    text = "".join(tags[name] for name in sorted(tags) if name.startswith(TEST_SETS))
    return {text[start : start + _DIGITS] for start in range(0, len(text), _DIGITS)}
