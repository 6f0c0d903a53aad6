"""The data set ``openml``: a table of OpenML's, fetched once and kept where scikit-learn keeps what it fetches.

OpenML (https://www.openml.org) has thousands of data sets, each with a name and a version.
"""

import contextlib
import hashlib
import io
import os
import re
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

from nnsweep.data import cache
from nnsweep.data.dataset import Dataset
from nnsweep.data.reading.cells import CellFormat
from nnsweep.data.reading.missing import Missing, Policy
from nnsweep.data.reading.problems import show_name, show_value
from nnsweep.data.reading.raw import Raw
from nnsweep.data.reading.roles import ColumnName
from nnsweep.data.reading.table_columns import understand
from nnsweep.data.split import SplitSettings
from nnsweep.data.table import prepare_table
from nnsweep.data.texts import limit_waiting
from nnsweep.data.tfidf import Weighing
from nnsweep.data.user_data import ColumnKind, divide_settings
from nnsweep.errors import DataError
from nnsweep.files import expand_home, place_of
from nnsweep.mlp.ranges import Count, extended, ranged

_NAME = r"(?!\.)[\w.,()+-]{1,200}"  # it becomes a part of an address, and of a file's path


@ranged
@extended(SplitSettings, Weighing, CellFormat)
def openml(
    *,
    dataset: str,
    version: Count = 1,
    home: str | None = None,
    target: ColumnName | None = None,
    columns: Mapping[str, ColumnKind] | None = None,
    ignore: tuple[ColumnName, ...] | None = None,
    missing: Missing | None = None,
    group: ColumnName | None = None,
    split: ColumnName | None = None,
    split_by: ColumnName | None = None,
    standardize: bool = True,
    **settings: Any,
) -> Dataset:
    """Fetch a table of OpenML's.

    Parameters
    ----------
    dataset : str
        Its name there, such as ``credit-g``.
    version : int
        Which of the data sets of that name.
    home : str or None
        Folder of scikit-learn's cache; ``None`` for ``SCIKIT_LEARN_DATA`` or scikit-learn's own folder. It says where
        to look and does not change the data.
    target : str or None
        The column with the labels; ``None`` for the one that OpenML names.
    columns, ignore, missing, group, split, split_by, standardize, **settings
        As for `nnsweep.data.user_data.table`.

    Returns
    -------
    Dataset
        As from a table.

    Raises
    ------
    DataError
        If it is neither there nor to be had, or cannot be used.
    """
    how, weighing, _, cell_format = divide_settings(settings)
    words, policy = weighing.settings(), Policy.of(missing)
    raw, usual = _fetched(dataset, version, home)
    roles: dict[str, Any] = {
        "target": target or usual,
        "columns": dict(columns or {}),
        "ignore": ignore,
        "missing": missing,
    }
    roles |= {"group": group, "split": split, "split_by": split_by}

    def made() -> Dataset:
        rows = understand(raw, **roles, cell_format=cell_format)
        return prepare_table(dataset, rows, how, missing=policy, standardize=standardize, text=words)

    made_of = {"factory": "openml", **roles, "standardize": standardize, "settings": settings, "content": raw.digest}
    return cache.keep_in_cache(made_of, made, name=dataset, source=raw.source)


def _fetched(dataset: str, version: int, home: str | None) -> tuple[Raw, str | None]:
    """Fetch a table, or take it from scikit-learn's cache; give the column of labels, too, if there is one."""
    from sklearn.datasets import fetch_openml

    folder = Path(expand_home(home or place_of("SCIKIT_LEARN_DATA") or "~/scikit_learn_data"))
    asked = f"data.dataset={show_value(dataset)} data.version={version}"
    if not re.fullmatch(_NAME, dataset):
        raise DataError(f"{asked}: no data set of OpenML's has such a name; look it up at https://www.openml.org")
    try:
        with _tidy(folder), limit_waiting(), contextlib.redirect_stdout(io.StringIO()):
            bunch = fetch_openml(
                dataset, version=version, data_home=str(folder), as_frame=True, n_retries=1, delay=0.1, parser="auto"
            )
    except (OSError, HTTPException) as error:
        raise DataError(
            f"{asked}: is not in {show_name(str(folder / 'openml'))}, and fetching it from OpenML failed "
            f"({_said(error)}). "
            "Try again with a network, or copy that folder, scikit-learn's cache, from a machine that has it, and name "
            "the one above it with data.home or SCIKIT_LEARN_DATA"
        ) from error
    except Exception as error:  # what OpenML answers, or a cache holds, may be wrong in any way
        raise DataError(f"{asked}: cannot be had from OpenML ({_said(error)}); look up its name and version") from error
    frame = bunch.frame.rename(columns=str)
    names = [*bunch.target_names] if bunch.target is not None else []
    source = f"openml.org: {dataset}, version {version}"
    return Raw(frame, source, True, _digest(frame)), str(names[0]) if len(names) == 1 else None


@contextlib.contextmanager
def _tidy(folder: Path) -> Iterator[None]:
    """Leave no empty folder behind where there was none, if what is done within it fails."""
    absent = [path for path in (folder / "openml", folder, *folder.parents) if not os.path.lexists(path)]
    try:
        yield
    except BaseException:
        made = absent[0].rglob("*") if absent else []
        for path in [*sorted(made, reverse=True), *absent]:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _digest(frame: Any) -> str:
    from pandas.util import hash_pandas_object

    sha = hashlib.sha256(repr([*zip(frame.columns, map(str, frame.dtypes), strict=True)]).encode())
    sha.update(hash_pandas_object(frame.astype(object), index=False).to_numpy().tobytes())
    return sha.hexdigest()
