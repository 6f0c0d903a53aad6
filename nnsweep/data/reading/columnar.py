"""Parquet and Feather: tables whose cells have types, read by Arrow.

The index that pandas writes into such files becomes a column like others; nested columns are refused.
"""

from typing import TYPE_CHECKING, Any

from nnsweep.data.reading.cells import Cells
from nnsweep.data.reading.header import check_width, repeated_names
from nnsweep.data.reading.table_problems import named, shown, together
from nnsweep.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


def parquet(content: bytes, source: str) -> Cells:
    """Read a Parquet file's content; errors as in `feather`."""

    def read(file: Any) -> "pa.Table":
        import pyarrow.parquet as pq

        return pq.ParquetFile(file).read(use_threads=False)

    return _cells(read, content, source)


def feather(content: bytes, source: str) -> Cells:
    """Read a Feather file's content, of either version.

    Raises
    ------
    DataError
        If it is damaged or cut off, has nested columns, equal names or no rows.
    """

    def read(file: Any) -> "pa.Table":
        from pyarrow import feather

        return feather.read_table(file, use_threads=False)

    return _cells(read, content, source)


def _cells(read: Any, content: bytes, source: str) -> Cells:
    import pyarrow as pa

    try:
        table = read(pa.BufferReader(content))
        table.validate(full=True)  # offsets of a damaged file lead out of its memory
        _check(table, source)
        frame = table.to_pandas(ignore_metadata=True, use_threads=False)
    except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError) as error:
        cause = shown(str(error).partition("\n")[0])
        raise DataError(f"{named(source)} is damaged or cut off ({cause}); copy or write it again") from error
    return Cells(frame, typed=True)


def _check(table: "pa.Table", source: str) -> None:
    names = table.column_names
    check_width(len(names), named(source))
    problems = repeated_names(names, source)
    problems += [
        f"{named(source)}, column {number} ({named(field.name)}): {named(str(field.type))} is a nested type; "
        "give each of its parts a column"
        for number, field in enumerate(table.schema, start=1)
        if _is_nested(field.type)
    ]
    if problems:
        raise together(problems)
    if not table.num_rows:
        raise DataError(f"{named(source)} has {len(names)} columns and no rows")


def _is_nested(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool(pa.types.is_nested(kind))
