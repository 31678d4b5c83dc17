"""Fixed points where they are known, complete sets of small networks, and certificates and audits that do their work."""

import numpy as np
import pytest

from rnn_atlas.contracts import Floats
from rnn_atlas.fixed_points.audit import audit
from rnn_atlas.fixed_points.catalogue import Catalogue, merged
from rnn_atlas.fixed_points.certificate import certify
from rnn_atlas.fixed_points.equation import Equation
from rnn_atlas.fixed_points.search import Starts, search


def gaussian(N: int, g: float, seed: int = 0) -> Equation:
    """Couplings of variance g^2 / N without input."""
    J = np.random.Generator(np.random.Philox(seed)).standard_normal((N, N)) / np.sqrt(N)
    return Equation(g * J, np.zeros(N))


def stream(number: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[17, number]))


def found(equation: Equation, budget: int = 6000, streams: int = 2, **options: object) -> Catalogue:
    starts = Starts(variance=np.mean(equation.box) ** 2 / 4)
    return merged(equation, [search(equation, stream(k), budget, starts, **options) for k in range(streams)])  # type: ignore[arg-type]


def self_coupled(g: float) -> Floats:
    """The solutions of y = g tanh(y), ascending, by bisection."""
    if g <= 1.0:
        return np.zeros(1)
    low, high = 1e-3, g
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if g * np.tanh(middle) > middle else (low, middle)
    return np.array([-low, 0.0, low])


@pytest.mark.parametrize("g", [0.5, 0.99, 1.5, 2.0, 5.0])
def test_a_self_coupled_neuron_has_one_fixed_point_up_to_g_1_and_three_above(g: float) -> None:
    equation = Equation(np.array([[g]]), np.zeros(1))
    catalogue = found(equation)
    points = np.sort(catalogue.all_points[:, 0])
    np.testing.assert_allclose(points, self_coupled(g), rtol=1e-14, atol=1e-14)
    assert audit(equation, catalogue, certify(equation, catalogue.points)).is_complete


@pytest.mark.parametrize("N", [10, 20])
@pytest.mark.parametrize("g", [2.0, 3.0, 4.0])
def test_the_indices_of_a_small_network_sum_up_to_one_and_the_count_is_odd(N: int, g: float) -> None:
    """Poincare-Hopf: on a large ball the field y - A phi(y) points outwards."""
    for seed in range(3):
        equation = gaussian(N, g, seed)
        catalogue = found(equation, 20000)
        report = audit(equation, catalogue, certify(equation, catalogue.points))
        assert report.certified == report.found
        assert (report.index_sum, report.found % 2) == (1, 1)
