"""The recurrent input of many columns at once: J packed into row panels, times blocks of eight columns.

States, tangents and currents live in blocks `X[block, neuron, lane]` of `LANES` columns. A column's numbers are a plain
chain of fused multiply-adds over the presynaptic neurons, in order, whatever stands beside it: the same bits in any
tile, on any worker, and on any machine that has a fused multiply-add.
"""

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from rnn_atlas.kernels.compiled import compiled

LANES = 8
# Rows of J per panel and column blocks per pass: as many accumulators as the registers hold without spilling (32 of
# eight doubles with AVX-512, 16 of four with AVX2). They change the speed, not the numbers.
_WIDE = binding.get_host_cpu_features().get("avx512f", False)
ROWS, BLOCKS = (8, 2) if _WIDE else (6, 1)


def padded(count: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is at least `count`."""
    return -(-count // multiple) * multiple


def _panel_product(n_rows: int, n_blocks: int):
    """An intrinsic: H[row:row+n_rows, :] = panel^T @ F for `n_blocks` neighbouring column blocks, accumulators in registers."""

    @intrinsic
    def panel_product(typingctx, panel, F, H, block, row, n_inputs):
        signature = types.void(panel, F, H, block, row, n_inputs)

        def codegen(context, builder, signature, arguments):
            panel_t, F_t, H_t = signature.args[:3]
            panel_v, F_v, H_v, block_v, row_v, n_v = arguments
            double, i64 = ir.DoubleType(), ir.IntType(64)
            vector = ir.VectorType(double, LANES)
            fma = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{LANES}f64")

            def pointer(array_t, value):
                array = context.make_array(array_t)(context, builder, value)
                return array.data, array

            panel_p, _ = pointer(panel_t, panel_v)
            F_p, F_array = pointer(F_t, F_v)
            H_p, _ = pointer(H_t, H_v)
            stride = builder.mul(builder.extract_value(F_array.shape, 1), ir.Constant(i64, LANES))

            def offset(column_block, neuron):
                start = builder.mul(builder.add(block_v, ir.Constant(i64, column_block)), stride)
                return builder.add(start, builder.mul(neuron, ir.Constant(i64, LANES)))

            accumulators = [
                [cgutils.alloca_once_value(builder, ir.Constant(vector, [0.0] * LANES)) for _ in range(n_rows)]
                for _ in range(n_blocks)
            ]
            for slots in accumulators:
                for slot in slots:
                    builder.store(ir.Constant(vector, [0.0] * LANES), slot)
            with cgutils.for_range(builder, n_v, intp=i64) as loop:
                columns = []
                for b in range(n_blocks):
                    address = builder.bitcast(builder.gep(F_p, [offset(b, loop.index)]), vector.as_pointer())
                    columns.append(builder.load(address, align=8))
                first = builder.mul(loop.index, ir.Constant(i64, n_rows))
                for r in range(n_rows):
                    weight = builder.load(builder.gep(panel_p, [builder.add(first, ir.Constant(i64, r))]))
                    splat = builder.insert_element(ir.Constant(vector, ir.Undefined), weight, ir.Constant(i64, 0))
                    mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
                    splat = builder.shuffle_vector(splat, ir.Constant(vector, ir.Undefined), mask)
                    for b in range(n_blocks):
                        slot = accumulators[b][r]
                        builder.store(builder.call(fma, [splat, columns[b], builder.load(slot)]), slot)
            for b in range(n_blocks):
                for r in range(n_rows):
                    row_r = builder.add(row_v, ir.Constant(i64, r))
                    address = builder.bitcast(builder.gep(H_p, [offset(b, row_r)]), vector.as_pointer())
                    builder.store(builder.load(accumulators[b][r]), address, align=8)
            return context.get_dummy_value()

        return signature, codegen

    return panel_product


_one_block = _panel_product(ROWS, 1)
_many_blocks = _panel_product(ROWS, BLOCKS)
inner_products = _panel_product(LANES, 1)


@compiled
def pack(J):
    """Row panels of J: (N, N) -> (panels, N, ROWS), the last panel filled up with zero rows."""
    N = J.shape[0]
    panels = np.zeros(((N + ROWS - 1) // ROWS, N, ROWS))
    for i in range(N):
        for j in range(N):
            panels[i // ROWS, j, i % ROWS] = J[i, j]
    return panels


@compiled
def multiply(panels, F, H):
    """H[b] = J @ F[b] for every column block b. F, H (blocks, padded N, LANES); rows of F beyond N are not read."""
    n_blocks = F.shape[0]
    N = panels.shape[1]
    for p in range(panels.shape[0]):
        block = 0
        while block + BLOCKS <= n_blocks:
            _many_blocks(panels[p], F, H, block, p * ROWS, N)
            block += BLOCKS
        while block < n_blocks:
            _one_block(panels[p], F, H, block, p * ROWS, N)
            block += 1
