"""Eight columns as one number: `Lanes`, a vector of LANES doubles that compiled code loads, combines and stores.

LLVM does not vectorize a loop of eight lanes, which it unrolls first; written with this type, it cannot but. Every
operation acts lane by lane, so a column's bits never depend on its neighbours.
"""

import math
import operator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model
from numpy.typing import NDArray

LANES = 8
I64 = ir.IntType(64)
VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_CONTRACT = ("contract",)
_DUST = 1e-290
_intrinsic: Any = intrinsic  # for compiled code, which calls it without the first argument


# ---- what intrinsics on vectors are written with ---------------------------------------------------------------------


def start_of(context, builder, kind, value, *index):
    """Pointer to value[index, 0, ...] of a contiguous array; index are i64 values for its first dimensions."""
    array = context.make_array(kind)(context, builder, value)
    place = ir.Constant(I64, 0)
    for dim in range(kind.ndim):
        size = builder.extract_value(array.shape, dim)
        place = builder.add(builder.mul(place, size), index[dim] if dim < len(index) else ir.Constant(I64, 0))
    return builder.gep(array.data, [place])


def vector_at(builder, pointer, place):
    """Address of the vector that starts `place` (i64) numbers behind a pointer."""
    return builder.bitcast(builder.gep(pointer, [place]), VECTOR.as_pointer())


def splat(builder, value):
    """A vector of eight times the same number."""
    undefined = ir.Constant(VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(I64, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


def fma(builder, a, b, c):
    """A b + c, rounded once."""
    return _library(builder, "fma", a, b, c)


def _library(builder, name, *vectors):
    """One of LLVM's functions of vectors."""
    kind = ir.FunctionType(VECTOR, [VECTOR] * len(vectors))
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f64"), vectors)


# ---- the type, and its operations in compiled code -------------------------------------------------------------------


class _Lanes(types.Type):
    def __init__(self) -> None:
        super().__init__(name="Lanes")


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, VECTOR)


_lanes = _Lanes()


def _address(context, builder, array_t, array, offset):
    return vector_at(builder, start_of(context, builder, array_t, array), offset)


@_intrinsic
def load(typingctx, array, offset):
    """The eight doubles from `offset` on, counted from the start of a contiguous array of any shape."""

    def codegen(context, builder, signature, arguments):
        return builder.load(_address(context, builder, signature.args[0], *arguments), align=8)

    return _lanes(array, types.intp), codegen


@_intrinsic
def number(typingctx, array, offset):
    """The one double at `offset`."""

    def codegen(context, builder, signature, arguments):
        return builder.load(builder.gep(start_of(context, builder, signature.args[0], arguments[0]), [arguments[1]]))

    return types.float64(array, types.intp), codegen


@_intrinsic
def store(typingctx, array, offset, value):
    """Writes eight doubles where `load` would read them."""

    def codegen(context, builder, signature, arguments):
        builder.store(arguments[2], _address(context, builder, signature.args[0], *arguments[:2]), align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, _lanes), codegen


@_intrinsic
def set_number(typingctx, array, offset, value):
    """Writes one double at `offset`."""

    def codegen(context, builder, signature, arguments):
        start = start_of(context, builder, signature.args[0], arguments[0])
        builder.store(arguments[2], builder.gep(start, [arguments[1]]))
        return context.get_dummy_value()

    return types.void(array, types.intp, types.float64), codegen


@_intrinsic
def everywhere(typingctx, value):
    """The same number in every lane."""

    def codegen(context, builder, signature, arguments):
        return splat(builder, arguments[0])

    return _lanes(types.float64), codegen


@_intrinsic
def without_dust(typingctx, value):
    """0 where a number is below 1e-290: a column that decays to rest would end in subnormal numbers, which are slow."""

    def codegen(context, builder, signature, arguments):
        is_dust = builder.fcmp_ordered("<", _library(builder, "fabs", arguments[0]), ir.Constant(VECTOR, [_DUST] * LANES))
        return builder.select(is_dust, ir.Constant(VECTOR, [0.0] * LANES), arguments[0])

    return _lanes(_lanes), codegen


@_intrinsic
def larger(typingctx, a, b):
    """The larger absolute value, lane by lane: max(|a|, b) for b >= 0; b where a is not a number."""

    def codegen(context, builder, signature, arguments):
        a, b = arguments
        size = _library(builder, "fabs", a)
        return builder.select(builder.fcmp_ordered(">", size, b), size, b)

    return _lanes(_lanes, _lanes), codegen


@_intrinsic
def total(typingctx, value):
    """The sum over the lanes, by halves."""

    def codegen(context, builder, signature, arguments):
        sums, size = arguments[0], LANES
        while size > 1:
            size //= 2
            kind = ir.VectorType(ir.IntType(32), size)
            low = builder.shuffle_vector(sums, sums, ir.Constant(kind, list(range(size))))
            high = builder.shuffle_vector(sums, sums, ir.Constant(kind, list(range(size, 2 * size))))
            sums = builder.fadd(low, high)
        return builder.extract_element(sums, ir.Constant(I64, 0))

    return types.float64(_lanes), codegen


def _arithmetic(name: str):
    @_intrinsic
    def operation(typingctx, a, b):
        def codegen(context, builder, signature, arguments):
            return getattr(builder, name)(*arguments, flags=_CONTRACT)

        return _lanes(_lanes, _lanes), codegen

    return operation


_add, _subtract, _multiply = _arithmetic("fadd"), _arithmetic("fsub"), _arithmetic("fmul")


@overload(operator.add)
def _plus(a, b):
    if isinstance(a, _Lanes) and isinstance(b, _Lanes):
        return lambda a, b: _add(a, b)
    return None


@overload(operator.sub)
def _minus(a, b):
    if isinstance(a, _Lanes) and isinstance(b, _Lanes):
        return lambda a, b: _subtract(a, b)
    return None


@overload(operator.mul)
def _times(a, b):
    if isinstance(a, _Lanes) and isinstance(b, _Lanes):
        return lambda a, b: _multiply(a, b)
    return None


def aligned(*shape: int) -> NDArray[np.float64]:
    """Unset numbers that start where a vector may: one across two cache lines costs twice as much to load and to store."""
    count = math.prod(shape)
    room = np.empty(count + LANES)
    start = -(room.ctypes.data // room.itemsize) % LANES
    return room[start : start + count].reshape(shape)


def aligned_zeros(*shape: int) -> NDArray[np.float64]:
    """The same, set to zero."""
    values = aligned(*shape)
    values[...] = 0.0
    return values
