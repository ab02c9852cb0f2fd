from hyperbench_example.ridge import Ridge
from hyperbench_example.thermostat import ThermostatFamily

from hyperbench.testing import check_family, check_method, check_seed_matters


def test_thermostat():
    check_family(ThermostatFamily())


def test_ridge():
    check_method(Ridge, except_for=[check_seed_matters])  # ridge regression has no randomness
