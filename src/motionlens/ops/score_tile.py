"""The inner product of the search on CPUs, in vector instructions, for code that Numba compiles.

Numba has no vector types of its own: what stands here is written in LLVM's instructions, which
are the same for every processor.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# Scores of a tile: rows times one vector. Twelve vectors of 8 fit into the 16 registers of AVX2.
ROWS, LANES = 6, 16
# Rows of a tile of pairs: it leaves registers for the maxima, and often divides k.
PAIRS = 4

_FLOAT, _BITS, _INT = ir.FloatType(), ir.IntType(LANES), ir.IntType(64)
_VECTOR = ir.VectorType(_FLOAT, LANES)


@intrinsic
def score_tile(
    _: Any,
    rows: Any,
    row_bias: Any,
    row_least: Any,
    panel: Any,
    column_bias: Any,
    column_least: Any,
    channels: Any,
    scores: Any,
    hits: Any,
) -> Any:
    """Score ROWS queries against LANES candidates and mark those that either side may want.

    All but `channels` are addresses of C-contiguous memory.

    Args:
        rows: float32 ``(ROWS, channels)``.
        row_bias: float32 ``(ROWS,)``, added where a row is the candidate of a column.
        row_least: float32 ``(ROWS,)``; a row wants no score that is not above it.
        panel: float32 ``(channels, LANES)``.
        column_bias: float32 ``(LANES,)``, likewise.
        column_least: float32 ``(LANES,)``, likewise.
        channels: int64, at least 1.
        scores: float32 ``(ROWS, LANES)``, written: the products without any bias.
        hits: uint16 ``(2, ROWS)``, written: in bit l of ``[0, r]`` whether row r wants column l,
            of ``[1, r]`` whether column l wants row r.

    Returns:
        int64, zero if nobody wants anything.
    """
    signature = types.int64(*[types.uintp] * 6, types.int64, types.uintp, types.uintp)

    def generate(_: Any, builder: ir.IRBuilder, __: Any, arguments: Any) -> Any:
        *sides, channels, scores, hits = arguments
        rows, row_bias, row_least, panel, column_bias, column_least = (
            builder.inttoptr(side, _FLOAT.as_pointer()) for side in sides
        )
        products = _products(builder, rows, panel, channels, ROWS)
        column_bias, column_least = _load(builder, column_bias), _load(builder, column_least)
        scores = builder.inttoptr(scores, _VECTOR.as_pointer())
        hits = builder.inttoptr(hits, _BITS.as_pointer())
        wanted = ir.Constant(_BITS, 0)
        for row, product in enumerate(products):
            at = ir.Constant(_INT, row)
            least = _splat(builder, builder.load(builder.gep(row_least, [at])))
            bias = _splat(builder, builder.load(builder.gep(row_bias, [at])))
            builder.store(product, builder.gep(scores, [at]), align=4)
            for side, (shift, bound) in enumerate(((column_bias, least), (bias, column_least))):
                above = builder.fcmp_ordered(">", builder.fadd(product, shift), bound)
                bits = builder.bitcast(above, _BITS)
                place = ir.Constant(_INT, side * ROWS + row)
                builder.store(bits, builder.gep(hits, [place]))
                wanted = builder.or_(wanted, bits)
        return builder.zext(wanted, _INT)

    return signature, generate


@intrinsic
def best_of_tile(
    _: Any,
    rows: Any,
    row_bias: Any,
    panel: Any,
    column_bias: Any,
    channels: Any,
    of_rows: Any,
    of_columns: Any,
) -> Any:
    """Score ROWS queries against LANES candidates and raise maxima to the scores.

    All but `channels` are addresses of C-contiguous memory.

    Args:
        rows: as for :func:`score_tile`.
        row_bias: likewise.
        panel: likewise.
        column_bias: likewise.
        channels: likewise.
        of_rows: float32 ``(ROWS, LANES)``, read and written: the best of each row in each lane.
        of_columns: float32 ``(LANES,)``, likewise: the best of each column in all rows.
    """
    signature = types.void(*[types.uintp] * 4, types.int64, types.uintp, types.uintp)

    def generate(_: Any, builder: ir.IRBuilder, __: Any, arguments: Any) -> Any:
        *sides, channels, of_rows, of_columns = arguments
        rows, row_bias, panel, column_bias, of_columns = (
            builder.inttoptr(side, _FLOAT.as_pointer()) for side in (*sides, of_columns)
        )
        products = _products(builder, rows, panel, channels, ROWS)
        column_bias, best = _load(builder, column_bias), _load(builder, of_columns)
        of_rows = builder.inttoptr(of_rows, _VECTOR.as_pointer())
        for row, product in enumerate(products):
            place = builder.gep(of_rows, [ir.Constant(_INT, row)])
            scores = builder.fadd(product, column_bias)
            before = builder.load(place, align=4)
            builder.store(_higher(builder, scores, before), place, align=4)
            bias = _splat(builder, builder.load(builder.gep(row_bias, [ir.Constant(_INT, row)])))
            best = _higher(builder, builder.fadd(product, bias), best)
        builder.store(best, builder.bitcast(of_columns, _VECTOR.as_pointer()), align=4)
        return None

    return signature, generate


@intrinsic
def strongest_of_tile(_: Any, rows: Any, panel: Any, channels: Any, strongest: Any) -> Any:
    """Map PAIRS rows to LANES outputs and raise maxima to them; NaN is above everything.

    All but `channels` are addresses of C-contiguous memory.

    Args:
        rows: float32 ``(PAIRS, channels)``.
        panel: float32 ``(channels, LANES)``.
        channels: int64, at least 1.
        strongest: float32 ``(LANES,)``, read and written.
    """
    signature = types.void(types.uintp, types.uintp, types.int64, types.uintp)

    def generate(_: Any, builder: ir.IRBuilder, __: Any, arguments: Any) -> Any:
        rows, panel, channels, place = arguments
        rows, panel, place = (
            builder.inttoptr(side, _FLOAT.as_pointer()) for side in (rows, panel, place)
        )
        kind = ir.FunctionType(_VECTOR, [_VECTOR] * 2)
        maximum = cgutils.get_or_insert_function(builder.module, kind, f"llvm.maximum.v{LANES}f32")
        strongest = _load(builder, place)
        for product in _products(builder, rows, panel, channels, PAIRS):
            strongest = builder.call(maximum, [strongest, product])
        builder.store(strongest, builder.bitcast(place, _VECTOR.as_pointer()), align=4)
        return None

    return signature, generate


@intrinsic
def lowest_bit(_: Any, bits: Any) -> Any:
    """The number of the lowest bit that is set in an int64 other than zero."""

    def generate(_: Any, builder: ir.IRBuilder, __: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(_INT, [_INT, ir.IntType(1)])
        count = cgutils.get_or_insert_function(builder.module, kind, "llvm.cttz.i64")
        return builder.call(count, [arguments[0], ir.Constant(ir.IntType(1), 1)])

    return types.int64(types.int64), generate


@intrinsic
def pointer(_: Any, address: Any) -> Any:
    """A pointer, for :func:`numba.carray`, from an address int64."""

    def generate(_: Any, builder: ir.IRBuilder, __: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


def _products(
    builder: ir.IRBuilder, rows: Any, panel: Any, channels: Any, num_rows: int
) -> list[Any]:
    """A loop over channels that keeps the sums of all rows in registers."""
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    multiply_add = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{LANES}f32")
    starts = [
        builder.gep(rows, [builder.mul(channels, ir.Constant(_INT, row))])
        for row in range(num_rows)
    ]
    before, loop = builder.block, builder.append_basic_block("channels")
    after = builder.append_basic_block("after")
    builder.branch(loop)
    builder.position_at_end(loop)
    channel = builder.phi(_INT)
    sums = [builder.phi(_VECTOR) for _ in range(num_rows)]
    candidates = _load(
        builder, builder.gep(panel, [builder.mul(channel, ir.Constant(_INT, LANES))])
    )
    added = []
    for start, total in zip(starts, sums, strict=True):
        query = _splat(builder, builder.load(builder.gep(start, [channel])))
        added.append(builder.call(multiply_add, [query, candidates, total]))
    following = builder.add(channel, ir.Constant(_INT, 1))
    builder.cbranch(builder.icmp_signed("<", following, channels), loop, after)
    for value, first, later in (
        (channel, ir.Constant(_INT, 0), following),
        *(
            (total, ir.Constant(_VECTOR, [0.0] * LANES), new)
            for total, new in zip(sums, added, strict=True)
        ),
    ):
        value.add_incoming(first, before)
        value.add_incoming(later, loop)
    builder.position_at_end(after)
    return added


def _higher(builder: ir.IRBuilder, a: Any, b: Any) -> Any:
    """The higher number in each lane; there is no NaN."""
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def _load(builder: ir.IRBuilder, place: Any) -> Any:
    """The vector at a place of floats, which need not be aligned to vectors."""
    return builder.load(builder.bitcast(place, _VECTOR.as_pointer()), align=4)


def _splat(builder: ir.IRBuilder, value: Any) -> Any:
    """A vector of equal values."""
    index = ir.IntType(32)
    empty = ir.Constant(_VECTOR, ir.Undefined)
    one = builder.insert_element(empty, value, ir.Constant(index, 0))
    zeros = ir.Constant(ir.VectorType(index, LANES), [0] * LANES)
    return builder.shuffle_vector(one, empty, zeros)
