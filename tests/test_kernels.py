"""The kernels one by one against plain numpy, published vectors and statistics."""

import numpy as np
import pytest
from scipy import stats

from rnn_atlas.kernels.product import LANES, ROWS, multiply, pack, padded
from rnn_atlas.kernels.random import fill_normals, threefry
from rnn_atlas.kernels.step import from_blocks, to_blocks
from rnn_atlas.kernels.tangent import orthonormalize
from rnn_atlas.kernels.transfer import CODES, emit, emit_with_slope

RANDOM = np.random.Generator(np.random.Philox(11))


def product(J: np.ndarray, F: np.ndarray) -> np.ndarray:
    height = padded(J.shape[0], ROWS)
    blocks = to_blocks(F, height)
    H = np.full_like(blocks, np.nan)
    multiply(pack(J), blocks, H)
    return from_blocks(H, *F.shape)


@pytest.mark.parametrize("N", [1, 2, 5, 8, 13, 64, 101])
@pytest.mark.parametrize("columns", [1, 8, 9, 40])
def test_the_packed_product_is_the_matrix_product_at_any_size(N: int, columns: int) -> None:
    J, F = RANDOM.standard_normal((N, N)), RANDOM.standard_normal((N, columns))
    # Both sum N products; rounding differs by at most about N eps times the sum of their sizes.
    np.testing.assert_allclose(product(J, F), J @ F, rtol=0, atol=4e-16 * N * np.max(np.abs(J) @ np.abs(F)))


def test_a_column_has_the_same_bits_wherever_and_beside_whatever_it_stands() -> None:
    J, F = RANDOM.standard_normal((77, 77)), RANDOM.standard_normal((77, 50))
    whole = product(J, F)
    for column in (0, 7, 8, 49):
        alone = product(J, F[:, [column]])
        assert alone[:, 0].tobytes() == np.ascontiguousarray(whole[:, column]).tobytes()
    order = RANDOM.permutation(50)
    assert product(J, F[:, order]).tobytes() == np.ascontiguousarray(whole[:, order]).tobytes()


def test_to_blocks_and_back_is_the_identity_and_pads_with_zeros() -> None:
    values = RANDOM.standard_normal((13, 11))
    blocks = to_blocks(values, 16)
    assert blocks.shape == (2, 16, LANES)
    assert np.all(blocks[:, 13:] == 0)
    assert np.all(blocks[1, :, 3:] == 0)
    np.testing.assert_array_equal(from_blocks(blocks, 13, 11), values)


@pytest.mark.parametrize("columns", [1, 8, 16])
def test_what_was_read_from_blocks_stays_when_the_blocks_move_on(columns: int) -> None:
    """Also for exactly eight columns, where the layouts coincide and a view would be the cheap answer."""
    blocks = to_blocks(RANDOM.standard_normal((16, columns)), 16)
    before = from_blocks(blocks, 16, columns)
    kept = before.copy()
    blocks += 1.0
    np.testing.assert_array_equal(before, kept)


def transfer(name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    X = np.resize(x, (1, padded(x.size, 8) // 8, 8)).copy()
    F, S, alone = np.empty_like(X), np.empty_like(X), np.empty_like(X)
    emit_with_slope(CODES[name], np.ones_like(X), X, F, S)
    emit(CODES[name], np.ones_like(X), X, alone)
    np.testing.assert_array_equal(alone, F)
    return F.ravel()[: x.size], S.ravel()[: x.size]


def exact(name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """f and f' in extended precision."""
    y = x.astype(np.longdouble)
    if name == "tanh":
        e = np.exp(-2 * np.abs(y))
        return np.tanh(y), 4 * e / (1 + e) ** 2
    if name == "logistic":
        e = np.exp(-np.abs(y))
        return np.where(y >= 0, 1, e) / (1 + e), e / (1 + e) ** 2
    from scipy.special import erf

    return erf(np.sqrt(np.pi) * x / 2), np.exp(-np.longdouble(np.pi) * y**2 / 4)


@pytest.mark.parametrize(
    ("name", "reach", "digits"), [("tanh", 340.0, 8e-16), ("logistic", 690.0, 8e-16), ("erf", 20.0, 2e-13)]
)
def test_transfer_and_slope_are_accurate_relative_to_their_own_size_also_in_saturation(
    name: str, reach: float, digits: float
) -> None:
    """A slope taken as 1 - f^2 would be 0 from x = 19 on; sums over log f' need it to 1e-100 and below.

    erf: numpy's and the kernel's exponential of -pi x^2 / 4 differ by the rounding of an argument as large as 300.
    """
    scales = [1e-300, 1e-8, 1e-3, 0.1, 1.0, 5.0, reach / 6]
    x = np.concatenate([scale * RANDOM.standard_normal(4000) for scale in scales])
    x = x[np.abs(x) < reach]
    f, slope = transfer(name, x)
    f_exact, slope_exact = exact(name, x)
    assert np.max(np.abs(f - f_exact) / np.maximum(np.abs(f_exact), 5e-308)) < max(digits, 8e-16)
    assert np.max(np.abs(slope - slope_exact) / slope_exact) < digits


def test_transfer_functions_saturate_at_infinity_keep_signed_zero_and_pass_nan_on() -> None:
    x = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 5e-324, 1e308, -1e308])
    f, slope = transfer("tanh", x)
    np.testing.assert_array_equal(f, [1, -1, np.nan, 0, 0, 5e-324, 1, -1])
    assert np.signbit(f[4])
    assert np.isnan(slope[2])
    assert np.all((slope[[0, 1, 6, 7]] >= 0) & (slope[[0, 1, 6, 7]] < 1e-300))
    f, slope = transfer("logistic", x)
    np.testing.assert_allclose(f, [1, 0, np.nan, 0.5, 0.5, 0.5, 1, 0], atol=1e-300)
    assert np.isnan(slope[2])


def test_the_gain_acts_inside_f_and_once_more_on_the_slope() -> None:
    X = RANDOM.standard_normal((1, 4, 8))
    gain = np.full_like(X, 3.0)
    F, S = np.empty_like(X), np.empty_like(X)
    emit_with_slope(CODES["tanh"], gain, X, F, S)
    np.testing.assert_allclose(F, np.tanh(3 * X), rtol=1e-15)
    np.testing.assert_allclose(S, 3 / np.cosh(3 * X) ** 2, rtol=1e-13)


def test_threefry_gives_the_published_known_answers() -> None:
    """SOURCE: Random123 distribution, tests/kat_vectors, lines `threefry2x64 13`."""
    ones = 0xFFFFFFFFFFFFFFFF
    pi = (0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89)
    vectors = {
        (0, 0, 0, 0): (0xF167B032C3B480BD, 0xE91F9FEE4B7A6FB5),
        (ones, ones, ones, ones): (0xCCDEC5C917A874B1, 0x4DF53ABCA26CEB01),
        pi: (0xC3AAC71561042993, 0x3FE7AE8801AFF316),
    }
    for words, answer in vectors.items():
        assert tuple(int(w) for w in threefry(*(np.uint64(w) for w in words))) == answer


def normals(key: tuple[int, int], step: int, N: int) -> np.ndarray:
    out = np.empty((N, LANES))
    fill_normals(np.array(key, np.uint64), step, out)
    assert np.all(out == out[:, :1])
    return out[:, 0].copy()


def test_the_noise_is_standard_normal_and_independent_over_neurons_steps_and_streams() -> None:
    """10^6 numbers: mean and variance within 4 standard errors, Kolmogorov-Smirnov p above 1e-3, correlations within 4."""
    x = np.stack([normals((1, 2), step, 1001) for step in range(1000)])
    count = x.size
    assert abs(x.mean()) < 4 / np.sqrt(count)
    assert abs(x.var() - 1) < 4 * np.sqrt(2 / count)
    assert abs((x**4).mean() - 3) < 4 * np.sqrt(96 / count)
    assert stats.kstest(x.ravel(), "norm").pvalue > 1e-3
    other = np.stack([normals((1, 3), step, 1001) for step in range(1000)])
    for pair in ((x[:-1], x[1:]), (x[:, :-1], x[:, 1:]), (x, other), (x[:, :-1] ** 2, x[:, 1:] ** 2)):
        assert abs(stats.pearsonr(pair[0].ravel(), pair[1].ravel()).statistic) < 4 / np.sqrt(pair[0].size)


def test_a_neurons_noise_does_not_depend_on_how_many_neurons_there_are() -> None:
    np.testing.assert_array_equal(normals((5, 6), 12, 100)[:33], normals((5, 6), 12, 33))


@pytest.mark.parametrize(("N", "k"), [(6, 1), (12, 12), (40, 17), (41, 41)])
def test_gram_schmidt_gives_the_factors_of_qr(N: int, k: int) -> None:
    """SOURCE: Bjorck 1967: Gram-Schmidt (modified) loses orthogonality as eps times the condition number; R is that of QR."""
    A = np.random.Generator(np.random.Philox(100 * N + k)).standard_normal((N, k))
    blocks, stretch = to_blocks(A, padded(N, LANES)), np.full(k, 0.5)
    orthonormalize(blocks, k, stretch)
    Q = from_blocks(blocks, N, k)
    R = np.linalg.qr(A)[1]
    loss = 10 * np.finfo(float).eps * np.linalg.cond(A)
    assert loss < 1e-10
    np.testing.assert_allclose(stretch - 0.5, np.log(np.abs(np.diag(R))), atol=loss)
    np.testing.assert_allclose(Q.T @ Q, np.eye(k), atol=loss)
    np.testing.assert_allclose(np.abs(Q.T @ A), np.abs(R), atol=loss * np.abs(A).max() * N)


def test_a_direction_that_a_singular_step_has_lost_has_exponent_minus_infinity() -> None:
    A = np.array([[1.0, 0.0], [0.0, 0.0]])
    stretch = np.zeros(2)
    A = to_blocks(A, LANES)
    orthonormalize(A, 2, stretch)
    np.testing.assert_array_equal(stretch, [0.0, -np.inf])
    assert np.all(np.isfinite(A))
