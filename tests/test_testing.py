"""The contract kit: the good pass every check, and each check rejects what it is there to find."""

import random
import subprocess
import sys

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from hyperbench import testing
from hyperbench.demonstration import Demonstrations, Episode
from hyperbench.errors import ContractError

from .fakes_border import BROKEN_BORDERS, in_mode
from .fakes_experts import BROKEN_EXPERTS
from .fakes_families import BROKEN_FAMILIES, HalfOfTheRange, SameStartEnv, Turned, family_of
from .fakes_few_shot import BROKEN_FEW_SHOT, BROKEN_ZERO_SHOT, FewShotFeatures
from .fakes_methods import BROKEN_METHODS, SameSeed
from .fakes_random_features import RandomFeatures
from .fakes_resumable import BROKEN_RESUMABLE, Stepwise

BROKEN = BROKEN_FAMILIES | BROKEN_BORDERS | BROKEN_EXPERTS
BROKEN_METHODS = BROKEN_METHODS | BROKEN_ZERO_SHOT | BROKEN_RESUMABLE
GOOD_CASE = testing.MethodCase(RandomFeatures)
GOOD_FEW_SHOT_CASE = testing.MethodCase(FewShotFeatures, few_shot=True)


def by_name(check):
    return check.__name__


@pytest.mark.parametrize("check", testing.FAMILY_CHECKS, ids=by_name)
def test_good_family_passes(check):
    check(testing.LineFamily())


def test_a_family_may_refuse_what_cannot_be_played():
    testing.check_features_matter(HalfOfTheRange())


@pytest.mark.parametrize("check", testing.FAMILY_CHECKS, ids=by_name)
def test_good_family_of_a_circle_and_a_category_passes(check):
    check(Turned())


@pytest.mark.parametrize("mode", AutoresetMode)
def test_a_family_may_start_anew_in_any_mode(mode):
    testing.check_family(in_mode(mode)())


def demonstrations_of(tasks):
    """One episode of noise for each task."""
    rng = np.random.default_rng(0)
    episodes = [
        Episode(
            observations=rng.normal(size=(5, 2)).astype(np.float32),
            actions=rng.uniform(-1, 1, (4, 1)).astype(np.float32),
            rewards=np.zeros(4, np.float32),
            terminated=False,
            seed=0,
        )
        for _ in tasks
    ]
    bound = np.ones(1, np.float32)
    return Demonstrations(tuple(tasks), tuple((e,) for e in episodes), -bound, bound)


@pytest.mark.parametrize(
    ("blind_to", "feature"), [((), None), ((0,), "angle"), ((1,), "angle"), ((2, 3), "load")]
)
def test_a_method_must_read_all_that_it_is_shown(blind_to, feature):
    class Blind(RandomFeatures):
        def training_data(self, demonstrations):
            x, y = super().training_data(demonstrations)
            x[:, demonstrations.observation_dim + np.array(blind_to, dtype=int)] = 0.0
            return x, y

        def fit(self, *arguments, **options):
            report = super().fit(*arguments, **options)
            self.fitted["spec_weight"][list(blind_to)] = 0.0
            return report

    case = testing.MethodCase(Blind, demonstrations=demonstrations_of(Turned.tasks))
    if feature is None:
        testing.check_specs_matter(case)
        return
    with pytest.raises(ContractError, match=f"must depend on feature '{feature}'"):
        testing.check_specs_matter(case)


@pytest.mark.parametrize("check", testing.METHOD_CHECKS, ids=by_name)
@pytest.mark.parametrize("few_shot", [False, True])
def test_good_method_passes(check, few_shot):
    check(GOOD_FEW_SHOT_CASE if few_shot else GOOD_CASE)


def test_a_resumable_method_passes_and_is_fitted_as_often_as_is_said():
    """Three sittings of one fit are one fit."""

    def counted(method):
        class Counted(method):
            num_fits = 0

            def fit(self, *args, **kwargs):
                Counted.num_fits += 1
                return super().fit(*args, **kwargs)

        testing.check_method(Counted)
        return Counted.num_fits

    assert counted(RandomFeatures) == 8
    assert counted(Stepwise) - 2 == 8 + 2
    report = testing.MethodCase(Stepwise).reference.report
    assert report.chosen_step < report.num_steps  # or the best weights would not be put to a test


@pytest.mark.parametrize("fault", BROKEN)
def test_family_check_finds_its_fault(fault):
    check, family_class, words = BROKEN[fault]
    with pytest.raises(ContractError, match=words) as caught:
        check(family_class())
    assert "Found: " in str(caught.value)


@pytest.mark.parametrize("fault", BROKEN_METHODS)
def test_method_check_finds_its_fault(fault):
    check, method, words = BROKEN_METHODS[fault]
    with pytest.raises(ContractError, match=words) as caught:
        check(testing.MethodCase(method))
    assert "Found: " in str(caught.value)


@pytest.mark.parametrize("fault", BROKEN_FEW_SHOT)
def test_few_shot_check_finds_its_fault(fault):
    check, method, words = BROKEN_FEW_SHOT[fault]
    with pytest.raises(ContractError, match=words) as caught:
        check(testing.MethodCase(method, few_shot=True))
    assert "Found: " in str(caught.value)


def test_every_check_has_a_fake():
    found = {check for check, _, _ in (BROKEN | BROKEN_METHODS).values()}
    assert found == {*testing.FAMILY_CHECKS, *testing.METHOD_CHECKS}


def test_every_check_can_be_named_from_outside():
    for check in (*testing.FAMILY_CHECKS, *testing.METHOD_CHECKS):
        assert getattr(testing, check.__name__) is check
        assert check.__name__ in testing.__all__


def test_every_check_says_what_it_checks_and_why():
    for check in (*testing.FAMILY_CHECKS, *testing.METHOD_CHECKS):
        assert check.__doc__.startswith("Check that "), check


def test_a_check_that_does_not_apply_is_left_out():
    family = family_of(SameStartEnv)()
    with pytest.raises(ContractError):
        testing.check_family(family)
    testing.check_family(family, except_for=[testing.check_starts_differ])
    with pytest.raises(ContractError):
        testing.check_method(SameSeed)
    testing.check_method(SameSeed, except_for=[testing.check_seed_matters])


def test_own_demonstrations_and_config():
    demonstrations = testing.line_demonstrations(num_episodes=1)
    config = RandomFeatures.Config(num_hidden=8)
    testing.check_method(RandomFeatures, config, demonstrations=demonstrations)
    few = demonstrations.select(demonstrations.specs[:4])
    with pytest.raises(ContractError, match="at least 6 tasks, found 4"):
        testing.check_method(RandomFeatures, demonstrations=few)


def test_inputs_include_support():
    class CentresSupport(FewShotFeatures):
        def generate(self, specs, support=None):
            if support is not None:
                support.episodes[0][0].actions[:] = 0.0
            return super().generate(specs, support)

    with pytest.raises(ContractError, match="must not change their support"):
        testing.check_method(CentresSupport, few_shot=True)


def test_global_states_are_restored():
    state = random.getstate()
    testing.check_global_random_state_is_not_read(GOOD_CASE)
    assert random.getstate() == state


def test_torch_is_watched_where_it_is_imported():
    torch = pytest.importorskip("torch")

    class DrawsFromTorch(RandomFeatures):
        def rng(self, seed):
            with torch.random.fork_rng():
                return np.random.default_rng([seed, int(torch.randint(1000, (1,)))])

    state = torch.get_rng_state()
    with pytest.raises(ContractError, match="global random state"):
        testing.check_global_random_state_is_not_read(testing.MethodCase(DrawsFromTorch))
    assert torch.equal(torch.get_rng_state(), state)


def test_import_needs_neither_pytest_nor_torch():
    code = "import sys, hyperbench.testing; print({'pytest', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
