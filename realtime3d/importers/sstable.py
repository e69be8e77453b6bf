"""Sorted tables as LevelDB and TensorFlow write them: keys and values in blocks, some of them compressed by Snappy."""

from __future__ import annotations

from collections.abc import Iterator

from realtime3d.importers.protobuf import piece, varint

MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")  # the last bytes of a table
FOOTER, TRAILER = 48, 5  # bytes at the file's end, and behind each block
PLAIN, SNAPPY = 0, 1


def is_table(end: bytes) -> bool:
    """Whether a file with this end is a table."""
    return end[-len(MAGIC) :] == MAGIC


def items(table: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values, in the order of keys. ValueError where this is no table, or one that is cut off."""
    if len(table) < FOOTER or not is_table(bytes(table[-8:])):
        raise ValueError("it has no table's end: the file is cut off, or no checkpoint")
    footer = table[-FOOTER:]
    _, at = _handle(footer, 0)  # of the index's index, which says nothing of ours
    index, _ = _handle(footer, at)
    for _, where in _entries(_block(table, index)):
        handle, _ = _handle(where, 0)
        yield from _entries(_block(table, handle))


def _handle(data: memoryview, at: int) -> tuple[tuple[int, int], int]:
    """Where a block lies: its offset and size."""
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return (offset, size), at


def _block(table: memoryview, handle: tuple[int, int]) -> memoryview:
    offset, size = handle
    whole = piece(table, offset, size + TRAILER)
    kind, block = whole[size], whole[:size]
    if kind == PLAIN:
        return block
    if kind == SNAPPY:
        return memoryview(unsnapped(block))
    raise ValueError(f"a block is compressed in a way (number {kind}) that is not known here")


def _entries(block: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Each key begins as the one before it: only the rest is stored."""
    restarts = int.from_bytes(piece(block, len(block) - 4, 4), "little") if len(block) >= 4 else 0
    end = len(block) - 4 * (restarts + 1)
    if end < 0:
        raise ValueError("a block is damaged")
    at, key = 0, b""
    while at < end:
        shared, at = varint(block, at)
        more, at = varint(block, at)
        size, at = varint(block, at)
        key = key[:shared] + bytes(piece(block, at, more))
        at += more
        yield key, piece(block, at, size)
        at += size


def unsnapped(block: memoryview) -> bytes:
    """What Snappy compressed: a length, then literal bytes and copies of what came before."""
    length, at = varint(block, 0)
    out = bytearray()
    while at < len(block):
        tag = block[at]
        at += 1
        if tag & 3 == 0:
            size = tag >> 2
            if size >= 60:
                more = size - 59
                size = int.from_bytes(piece(block, at, more), "little")
                at += more
            out += piece(block, at, size + 1)
            at += size + 1
            continue
        if tag & 3 == 1:
            size, back = ((tag >> 2) & 7) + 4, ((tag >> 5) << 8) | piece(block, at, 1)[0]
            at += 1
        else:
            width = 2 if tag & 3 == 2 else 4
            size, back = (tag >> 2) + 1, int.from_bytes(piece(block, at, width), "little")
            at += width
        if not 0 < back <= len(out):
            raise ValueError("a compressed block is damaged")
        for _ in range(size):  # the copy may overlap what it makes
            out.append(out[-back])
    if len(out) != length:
        raise ValueError("a compressed block is damaged")
    return bytes(out)
