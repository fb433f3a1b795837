"""A group for each row, several neighbours at a time: what the wide kernels have in common.

A row of ``N`` numbers is read as packs of ``V``; the group has ``G`` threads, and each of them
keeps at most ``K`` packs in registers, so that memory is read once. The row is ``WHOLE`` if all
threads keep equally many.
"""

from __future__ import annotations

from typing import Any

from tinymlx import core

from .launch import pack_width

MOST_THREADS = 1024


def row_layout(columns: int, dtype: core.Dtype, wanted: int = 32) -> dict[str, Any] | None:
    """``T``, ``N``, ``V``, ``G``, ``K`` and ``WHOLE`` for such rows; ``None`` if they are too long.

    A thread keeps about ``wanted`` numbers: with several accesses under way it waits for memory
    once, not once for each.
    """
    width = pack_width(columns, dtype)
    packs = columns // width
    each = max(1, min(4, wanted // width))
    threads = min(-(-packs // (32 * each)) * 32, MOST_THREADS)
    kept = -(-packs // threads)
    if kept * width > 2 * wanted:
        return None
    whole = kept * threads == packs
    return {"T": dtype, "N": columns, "V": width, "G": threads, "K": kept, "WHOLE": whole}


def read(name: str, into: str, first: str, otherwise: str = "0.0f") -> str:
    """Text that reads the row of ``name`` that begins at ``first`` into ``float into[K][V]``.

    Nothing is done with a pack before all are under way. Beyond the end stands ``otherwise``.
    """
    return f"""
    Pack<T, V> packs_{name}[K];
    for (int k = 0; k < K; k++) {{
        int i = (k * G + THREAD) * V;
        if (WHOLE || i < N) packs_{name}[k] = load<V>({name}, {first} + i);
    }}
    for (int k = 0; k < K; k++)
        for (int j = 0; j < V; j++)
            {into}[k][j] = WHOLE || (k * G + THREAD) * V < N
                ? (float)packs_{name}[k].v[j] : {otherwise};"""


def write(name: str, value: str, first: str, dtype: str = "T", before: str = "") -> str:
    """Text that writes ``value``, an expression of ``k`` and ``j``, to the row of ``name``;
    ``before`` prepares what a pack needs."""
    return f"""
    for (int k = 0; k < K; k++) {{
        int i = (k * G + THREAD) * V;
        if (WHOLE || i < N) {{
            {before}
            Pack<{dtype}, V> p;
            for (int j = 0; j < V; j++) p.v[j] = ({dtype})({value});
            store<V>({name}, {first} + i, p);
        }}
    }}"""


def each(statement: str) -> str:
    """Text that carries out a statement for every number that the thread keeps."""
    return f"""
    for (int k = 0; k < K; k++)
        for (int j = 0; j < V; j++) {{ {statement} }}"""
