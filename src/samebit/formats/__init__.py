"""File formats that carry noise, and how to write the same file without it: bytes in, bytes out.

Nothing here knows of images. What is done to which file, and why it is safe, is said by the
normalisers that use these rewriters. A rewriter takes a seekable source, its size in bytes, a sink
and what it must know; it gives False when there is nothing to change, raises one of the two errors
of `streams` when nothing may be changed, and holds a bounded part of the file in memory.
"""
