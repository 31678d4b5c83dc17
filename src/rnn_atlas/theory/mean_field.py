"""The calculator: mean-field theory of the SNT map and of the rate flow, by the models' own parameters."""

from rnn_atlas.errors import TheoryError
from rnn_atlas.theory.averages import TRANSFERS, Averages
from rnn_atlas.theory.branches import Branch, Structure, System, branches


def snt(
    g: float,
    gamma: float = 0.0,
    sigma: float = 0.0,
    *,
    theta_bar: float = 0.0,
    sigma_theta: float = 0.0,
    J_mean: float = 0.0,
    J_std: float = 1.0,
    transfer: str = "tanh",
) -> tuple[Branch, ...]:
    """All states of u(t+1) = gamma u + J f(g u) - theta + sigma B in the limit of large N, stable ones first.

    E J_ij = J_mean / N, Var J_ij = J_std^2 / N, theta ~ N(theta_bar, sigma_theta^2) quenched. Values are of u, exponents
    per step. TheoryError for parameters outside the model. SOURCE: Cessac 1995; Molgedey, Schuchhardt & Schuster 1992.
    """
    return branches(snt_system(g, gamma, sigma, theta_bar, sigma_theta, J_mean, J_std, transfer))


def flow(
    g: float,
    D: float = 0.0,
    white_noise: float = 0.0,
    *,
    J_mean: float = 0.0,
    J_std: float = 1.0,
    structure: Structure | None = None,
    transfer: str = "tanh",
) -> tuple[Branch, ...]:
    """All states of x' = -x + g J f(x) + m kappa + eta + xi in the limit of large N, stable ones first.

    Var eta_i = D quenched, <xi xi> = 2 white_noise^2 delta; `structure` is a rank-one term outside the gain. Values are
    of x, exponents per tau. SOURCE: Sompolinsky, Crisanti & Sommers 1988; Mastrogiuseppe & Ostojic 2018.
    """
    return branches(flow_system(g, D, white_noise, J_mean, J_std, structure, transfer))


def snt_system(
    g: float,
    gamma: float,
    sigma: float,
    theta_bar: float = 0.0,
    sigma_theta: float = 0.0,
    J_mean: float = 0.0,
    J_std: float = 1.0,
    transfer: str = "tanh",
) -> System:
    """The map as a `System`."""
    _require(0 <= gamma < 1, "gamma", "in [0, 1)", gamma)
    for name, value in (("g", g), ("sigma", sigma), ("sigma_theta", sigma_theta), ("J_std", J_std)):
        _require(value >= 0, name, "at least 0", value)
    structure = Structure(mean_left=1.0, mean_right=J_mean) if J_mean else Structure()
    return System(_averages(transfer, g), gamma, J_std**2, -theta_bar, sigma_theta**2, sigma**2, structure)


def flow_system(
    g: float,
    D: float,
    white_noise: float,
    J_mean: float = 0.0,
    J_std: float = 1.0,
    structure: Structure | None = None,
    transfer: str = "tanh",
) -> System:
    """The flow as a `System`; the gain multiplies J_mean and J_std, not the structure."""
    for name, value in (("g", g), ("D", D), ("white_noise", white_noise), ("J_std", J_std)):
        _require(value >= 0, name, "at least 0", value)
    if structure is not None and J_mean:
        raise TheoryError("the theory takes J_mean or a structure, not both; got both. Leave one of them 0")
    if structure is None:
        structure = Structure(mean_left=1.0, mean_right=g * J_mean) if J_mean else Structure()
    return System(_averages(transfer, 1.0), None, (g * J_std) ** 2, 0.0, D, white_noise**2, structure)


def _averages(transfer: str, gain: float) -> Averages:
    if transfer not in TRANSFERS:
        raise TheoryError(f"transfer must be one of {', '.join(TRANSFERS)}; got {transfer!r}")
    return Averages(transfer, gain)


def _require(holds: bool, name: str, allowed: str, value: float) -> None:
    if not holds:
        raise TheoryError(f"{name} must be {allowed}; got {value:g}. Change it")
