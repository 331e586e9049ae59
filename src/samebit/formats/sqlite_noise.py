"""What of an SQLite database says nothing: counters in its header, and bytes that no row has.

SQLite, "Database File Format", 1.3 (the header).
"""

from __future__ import annotations

import io
from typing import BinaryIO

from samebit.formats.sqlite_file import NotSqliteError, SqliteFile
from samebit.formats.streams import MalformedError, Sink, exactly

# The change counter, the page count's witness of it, and the version of the library beside that.
_COUNTERS = ((24, 4), (92, 8))


def without_noise(source: BinaryIO, size: int, sink: Sink) -> bool:
    """Set the counters, the writing library's version and all that belongs to no row to 0.

    The whole file is held in memory. Raises MalformedError for what is no sound database.
    """
    source.seek(0)
    data = exactly(source, size)
    copy = io.BytesIO(data)
    try:
        SqliteFile(copy, size).clean()
    except NotSqliteError:
        raise MalformedError("not a database, or a damaged one") from None
    for at, length in _COUNTERS:
        copy.seek(at)
        copy.write(bytes(length))
    if copy.getvalue() == data:
        return False
    sink(copy.getvalue())
    return True
