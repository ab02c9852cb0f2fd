"""Seeds and hashes: from content alone, the same on every machine and for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperbench.seeding import SEED_BITS, child_seed, content_hash

labels = st.lists(st.one_of(st.text(max_size=5), st.integers(-5, 2000)), max_size=3)
roots = st.integers(0, 2**SEED_BITS - 1)


def test_hash_and_seed_never_change():
    """Every split, episode and run key follows from these: if they move, all records are void."""
    assert content_hash({"b": [1, 2.5, "ü"], "a": None}) == "f856e12dc8bbfe69"
    assert child_seed(0, "judged episode", "0123456789abcdef", 3) == 222956261063095


def test_hash_ignores_only_the_order_of_keys():
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
    assert content_hash([1, 2]) != content_hash([2, 1])
    assert content_hash("1") != content_hash(1)


def test_hash_digits_are_a_prefix():
    assert content_hash("x", 64).startswith(content_hash("x", 8))
    assert len(content_hash("x", 8)) == 8


def test_hash_refuses_what_json_cannot_say():
    with pytest.raises(ValueError, match="JSON"):
        content_hash(float("nan"))


@given(roots, labels)
def test_seed_is_in_range_and_repeatable(root, given_labels):
    seed = child_seed(root, *given_labels)
    assert 0 <= seed < 2**SEED_BITS
    assert seed == float(seed)  # exact where a file keeps it as a double
    assert seed == child_seed(root, *given_labels)


@given(roots, labels, roots, labels)
def test_other_content_gives_another_seed(root, given_labels, other_root, other_labels):
    same = (root, given_labels) == (other_root, other_labels)
    assert (child_seed(root, *given_labels) == child_seed(other_root, *other_labels)) == same


def test_labels_do_not_run_together():
    seeds = {
        child_seed(1, "ab", "c"),
        child_seed(1, "a", "bc"),
        child_seed(1, "abc"),
        child_seed(1, "a", 1),
        child_seed(1, "a", "1"),
        child_seed(1, 1, "a"),
    }
    assert len(seeds) == 6


def test_seeds_fill_their_range():
    """48 random bits, not fewer: each bit is set in about half of 2000 seeds."""
    seeds = [child_seed(0, i) for i in range(2000)]
    for bit in range(SEED_BITS):
        assert 850 < sum(seed >> bit & 1 for seed in seeds) < 1150
