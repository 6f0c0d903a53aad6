"""A table out of a database: the result of one query, which cannot change anything.

pandas asks. An SQLite file is opened read-only by Python's own module, and is never made; any other database is reached
through SQLAlchemy, and whatever the query did is rolled back. (Beside a database in write-ahead mode, SQLite itself
keeps two small files.) Passwords are not taken: they would be in configurations and records for good.
"""

import hashlib
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from nnsweep.data.problems import list_first, show_name, show_value
from nnsweep.errors import DataError
from nnsweep.files import expand_home
from nnsweep.text import mask_secrets, printable, suggest_nearest

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection

_SQLITE = "sqlite:///"
_QUOTED = re.compile(
    r"'(?:[^']|'')*(?:'|\Z)|\"(?:[^\"]|\"\")*(?:\"|\Z)|`[^`]*(?:`|\Z)|--[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL
)
_CHANGING = re.compile(
    r"\b(insert|update|delete|merge|drop|alter|create|truncate|grant|attach|pragma|vacuum|into|call|copy)\b(?!\s*\()",
    re.IGNORECASE,
)


def is_address(path: str) -> bool:
    """Tell whether a path is the address of a database or server, and no file.

    Examples
    --------
    >>> is_address("sqlite:///cats.db"), is_address("cats.csv")
    (True, False)
    """
    return re.match(r"[a-zA-Z][\w+.-]*://", path) is not None


def ask(address: str, query: str | None) -> tuple["pd.DataFrame", str, str]:
    """Ask a database.

    Parameters
    ----------
    address : str
        ``sqlite:///FILE``, or what SQLAlchemy takes, without a password.
    query : str or None
        One ``SELECT``, or ``WITH ... SELECT``.

    Returns
    -------
    frame : pandas.DataFrame
        The result's typed cells (n_rows, n_columns), at least one row.
    source : str
        The database's address without secrets.
    digest : str
        SHA-256, in hexadecimal, of the columns' names and the cells.

    Raises
    ------
    DataError
        If the address has a password or names nothing, the query is no query, or the database refuses it.
    """
    source = mask_secrets(unquote_plus(address))
    if re.match(r"(?i)(https?|ftp|s3|gs|file)://", address):
        raise DataError(f"{show_name(source)} is no database; download the file and name it with data.path")
    if re.match(r"(?i)sqlite", address) and not address.startswith(_SQLITE):
        raise DataError(f"{show_name(source)}: write sqlite:///FILE; sqlite:////FOLDER/FILE is a path from /")
    scheme, _, rest = address.partition("://")
    user, _, place = rest.rpartition("@") if scheme != "sqlite" else ("", "", rest)
    plain = unquote_plus(f"{scheme}://{place}")
    if ":" in user or mask_secrets(plain) != plain:
        raise DataError(
            f"{show_name(source)}: a password in data.path would be recorded; leave it out and give it in the "
            "driver's own way, such as PGPASSWORD or ~/.pgpass for PostgreSQL, ~/.my.cnf for MySQL"
        )
    address = expand_home(address)
    file = Path(address[len(_SQLITE) :].partition("?")[0]) if address.startswith(_SQLITE) else None
    if file is not None and not os.path.isfile(file):
        raise DataError(
            f"{show_name(source)}: there is no file {show_name(str(file))}; sqlite:////FOLDER/FILE is a path from /"
        )
    query = _check_query(query, source, file)
    frame = _answer(_connect(address, source) if file is None else _open(file), query, source)
    if repeated := sorted({*frame.columns[frame.columns.duplicated()]}):
        raise DataError(
            f"{show_name(source)}: columns of the result have one name: {list_first(repeated, len(repeated))}; use AS"
        )
    if not len(frame):
        raise DataError(f"{show_name(source)}: data.query has no rows as its result; ask for others")
    sha = hashlib.sha256(repr([*zip(frame.columns, frame.dtypes, strict=True)]).encode(errors="backslashreplace"))
    for row in frame.itertuples(index=False, name=None):
        sha.update(repr(row).encode(errors="backslashreplace"))
    return frame, source, sha.hexdigest()


def _check_query(query: str | None, source: str, file: Path | None) -> str:
    """Give a query without its closing semicolon, if it is one and only reads."""
    if not query or not query.strip():
        tables = f"; its tables: {_list_tables(file, source)}" if file else ""
        raise DataError(f"{show_name(source)}: data.query is missing; write data.query='SELECT ... FROM ...'{tables}")
    bare = _QUOTED.sub(" ", query).strip().rstrip("; \n\t")
    if not re.match(r"(?i)(select|with)\b", bare) or ";" in bare:
        raise DataError(
            f"{show_name(source)}: data.query={show_value(mask_secrets(query))}: must be one SELECT (or WITH ... "
            "SELECT)"
        )
    if word := _CHANGING.search(bare):
        raise DataError(
            f"{show_name(source)}: data.query has the word {word[0]}, and must only read; "
            f'quote it if it is a name ("{word[0]}")'
        )
    return query


def _list_tables(file: Path, source: str) -> str:
    try:
        with closing(_open(file)) as database:
            rows = database.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY 1"
            ).fetchall()
    except sqlite3.Error as error:
        raise _make_error(source, error) from error
    return list_first([name for (name,) in rows], len(rows)) or "none"


def _open(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
    database.execute("PRAGMA query_only = ON")
    return database


def _connect(address: str, source: str) -> "Connection":
    import sqlalchemy

    try:
        return sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool).connect()
    except sqlalchemy.exc.NoSuchModuleError as error:
        scheme = address.partition(":")[0]
        raise DataError(
            f"{show_name(source)}: {suggest_nearest(scheme, ['sqlite', 'postgresql', 'mysql', 'mssql', 'oracle'])}, "
            "and what SQLAlchemy has drivers for"
        ) from error
    except ModuleNotFoundError as error:
        raise DataError(f"{show_name(source)}: its driver is not installed: pip install {error.name}") from error
    except (sqlalchemy.exc.SQLAlchemyError, OSError, ValueError) as error:
        raise _make_error(source, error) from error


def _answer(connection: "sqlite3.Connection | Connection", query: str, source: str) -> "pd.DataFrame":
    """Ask, and close the connection, which takes back whatever the query has changed."""
    import pandas as pd

    with closing(connection):
        try:
            return pd.read_sql_query(query, connection, coerce_float=False)
        except Exception as error:  # every driver fails in its own way; pandas repeats the query before the cause
            raise _make_error(source, error.__cause__ or error) from error


def _make_error(source: str, error: BaseException) -> DataError:
    cause = printable(mask_secrets(str(getattr(error, "orig", None) or error).partition("\n")[0]))[:200]
    return DataError(f"{show_name(source)}: the database refuses data.query: {cause}; mend the query or the address")
