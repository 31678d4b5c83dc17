"""Sixteen float32 numbers as one: `Singles`, a vector that compiled code loads, combines and stores, as `lanes.py` for doubles.

Sums over the lanes take them in a fixed order, so that no bit depends on how wide the machine's own vectors are.
"""

import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model
from numpy.typing import NDArray

from rnn_atlas.kernels.lanes import I64, start_of

SINGLES = 16
_I32 = ir.IntType(32)
FLOATS = ir.VectorType(ir.FloatType(), SINGLES)
_INTEGERS = ir.VectorType(_I32, SINGLES)
_ROW_BITS = 12
MOST_ROWS = 1 << _ROW_BITS
"""Rows that a pivot can be told among."""
_intrinsic: Any = intrinsic  # for compiled code, which calls it without the first argument


class _Singles(types.Type):
    def __init__(self) -> None:
        super().__init__(name="Singles")


class _Sizes(types.Type):
    def __init__(self) -> None:
        super().__init__(name="Sizes")


@register_model(_Singles)
class _SinglesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, FLOATS)


@register_model(_Sizes)
class _SizesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, _INTEGERS)


_singles, _sizes = _Singles(), _Sizes()


# ---- what intrinsics on vectors are written with ---------------------------------------------------------------------


def splat(builder, value, kind=FLOATS):
    """A vector of sixteen times the same number."""
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(_I32, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(_INTEGERS, [0] * SINGLES))


def vector_at(builder, pointer, place):
    """Address of the vector that starts `place` (i64) numbers behind a pointer."""
    return builder.bitcast(builder.gep(pointer, [place]), FLOATS.as_pointer())


def fused(builder, a, b, c):
    """A b + c, rounded once."""
    kind = ir.FunctionType(FLOATS, [FLOATS] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{SINGLES}f32"), [a, b, c])


def _address(context, builder, array_t, array, offset):
    return vector_at(builder, start_of(context, builder, array_t, array), offset)


# ---- their operations in compiled code -------------------------------------------------------------------------------


@_intrinsic
def load(typingctx, array, offset):
    """The sixteen numbers from `offset` on, counted from the start of a contiguous float32 array of any shape."""

    def codegen(context, builder, signature, arguments):
        return builder.load(_address(context, builder, signature.args[0], *arguments), align=4)

    return _singles(array, types.intp), codegen


@_intrinsic
def store(typingctx, array, offset, value):
    """Writes sixteen numbers where `load` would read them."""

    def codegen(context, builder, signature, arguments):
        builder.store(arguments[2], _address(context, builder, signature.args[0], *arguments[:2]), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, _singles), codegen


@_intrinsic
def spread(typingctx, array, offset):
    """The one number at `offset`, in every lane."""

    def codegen(context, builder, signature, arguments):
        start = start_of(context, builder, signature.args[0], arguments[0])
        return splat(builder, builder.load(builder.gep(start, [arguments[1]])))

    return _singles(array, types.intp), codegen


@_intrinsic
def everywhere(typingctx, value):
    """The same number in every lane."""

    def codegen(context, builder, signature, arguments):
        return splat(builder, arguments[0])

    return _singles(types.float32), codegen


@_intrinsic
def minus_product(typingctx, a, b, c):
    """C - a b, rounded once."""

    def codegen(context, builder, signature, arguments):
        return fused(builder, builder.fneg(arguments[0]), *arguments[1:])

    return _singles(_singles, _singles, _singles), codegen


@_intrinsic
def total(typingctx, value):
    """The sum over the lanes, by halves."""

    def codegen(context, builder, signature, arguments):
        sums, size = arguments[0], SINGLES
        while size > 1:
            size //= 2
            kind = ir.VectorType(_I32, size)
            low = builder.shuffle_vector(sums, sums, ir.Constant(kind, list(range(size))))
            high = builder.shuffle_vector(sums, sums, ir.Constant(kind, list(range(size, 2 * size))))
            sums = builder.fadd(low, high)
        return builder.extract_element(sums, ir.Constant(I64, 0))

    return types.float32(_singles), codegen


@_intrinsic
def behind(typingctx, value, lane):
    """The lanes behind `lane`; 0 in it and before."""

    def codegen(context, builder, signature, arguments):
        numbers = ir.Constant(_INTEGERS, list(range(SINGLES)))
        is_behind = builder.icmp_signed(">", numbers, splat(builder, builder.trunc(arguments[1], _I32), _INTEGERS))
        return builder.select(is_behind, arguments[0], ir.Constant(FLOATS, [0.0] * SINGLES))

    return _singles(_singles, types.intp), codegen


@_intrinsic
def beside(typingctx, a, b, lane):
    """The lanes of a up to `lane`, those of b behind it."""

    def codegen(context, builder, signature, arguments):
        numbers = ir.Constant(_INTEGERS, list(range(SINGLES)))
        is_behind = builder.icmp_signed(">", numbers, splat(builder, builder.trunc(arguments[2], _I32), _INTEGERS))
        return builder.select(is_behind, arguments[1], arguments[0])

    return _singles(_singles, _singles, types.intp), codegen


# ---- which row is the largest, in each of sixteen columns ------------------------------------------------------------


@_intrinsic
def no_sizes(typingctx):
    """Smaller than any: to begin with."""

    def codegen(context, builder, signature, arguments):
        return ir.Constant(_INTEGERS, [0] * SINGLES)

    return _sizes(), codegen


@_intrinsic
def larger_of(typingctx, sizes, value, row):
    """Lane by lane the larger of `sizes` and |value|, the latter to eleven binary digits, together with its row."""

    def codegen(context, builder, signature, arguments):
        sizes, value, row = arguments
        kept = ir.Constant(_INTEGERS, [0x7FFFFFFF & -MOST_ROWS] * SINGLES)
        rows = splat(builder, builder.trunc(row, _I32), _INTEGERS)
        own = builder.or_(builder.and_(builder.bitcast(value, _INTEGERS), kept), rows)
        kind = ir.FunctionType(_INTEGERS, [_INTEGERS] * 2)
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.smax.v{SINGLES}i32"), [own, sizes])

    return _sizes(_sizes, _singles, types.intp), codegen


@_intrinsic
def row_of(typingctx, sizes, lane):
    """The row of the largest in this lane."""

    def codegen(context, builder, signature, arguments):
        found = builder.extract_element(arguments[0], builder.trunc(arguments[1], _I32))
        return builder.zext(builder.and_(found, ir.Constant(_I32, MOST_ROWS - 1)), I64)

    return types.intp(_sizes, types.intp), codegen


def _arithmetic(name: str):
    @_intrinsic
    def operation(typingctx, a, b):
        def codegen(context, builder, signature, arguments):
            return getattr(builder, name)(*arguments, flags=("contract",))

        return _singles(_singles, _singles), codegen

    return operation


_add, _multiply = _arithmetic("fadd"), _arithmetic("fmul")


@overload(operator.add)
def _plus(a, b):
    if isinstance(a, _Singles) and isinstance(b, _Singles):
        return lambda a, b: _add(a, b)
    return None


@overload(operator.mul)
def _times(a, b):
    if isinstance(a, _Singles) and isinstance(b, _Singles):
        return lambda a, b: _multiply(a, b)
    return None


def single_zeros(rows: int, columns: int) -> NDArray[np.float32]:
    """(rows, columns) of zeros that start where a vector may; columns a multiple of SINGLES."""
    room = np.zeros(rows * columns + SINGLES, np.float32)
    start = -(room.ctypes.data // room.itemsize) % SINGLES
    return room[start : start + rows * columns].reshape(rows, columns)
