"""Ways to damage a file: its bytes, or what it says if it is JSON."""

import json

from hypothesis import strategies as st

_DEEP, _LONG = "\0deep", "\0long"
_AS_TEXT = {
    json.dumps(_DEEP): "[" * 100_000 + "]" * 100_000,
    json.dumps(_LONG): "9" * 5_000,
}
"""What ``json`` itself would refuse to write."""

_WORDS = st.one_of(
    st.sampled_from(
        ["", ".", "..", "../../x", "/etc/passwd", "a/../../b", "C:\\x", "\0", "nan", "1e999", "€"]
    ),
    st.text(max_size=20),
)
ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 2**31, 2**63, 2**64, 10**400, 1.5, 1e308, -0.0, 5e-324]),
    st.sampled_from([float("nan"), float("inf"), float("-inf")]),
    st.sampled_from([_DEEP, _LONG]),
    _WORDS,
    st.just([]),
    st.just({}),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(_WORDS, st.integers(), max_size=2),
)


@st.composite
def damaged_bytes(draw, content):
    """A file some of whose bytes are lost, changed, repeated or foreign."""
    kind = draw(st.sampled_from(["flip", "cut", "insert", "delete", "repeat", "zero"]))
    start = draw(st.integers(0, max(len(content) - 1, 0)))
    size = draw(st.integers(1, 64))
    before, piece, after = content[:start], content[start : start + size], content[start + size :]
    match kind:
        case "flip":
            bit = 1 << draw(st.integers(0, 7))
            return before + bytes([piece[0] ^ bit]) + piece[1:] + after if piece else content
        case "cut":
            return before
        case "insert":
            return before + draw(st.binary(max_size=16)) + piece + after
        case "delete":
            return before + after
        case "repeat":
            return before + piece * 3 + after
    return before + bytes(len(piece)) + after


@st.composite
def damaged_json(draw, content):
    """A JSON file in which one to three entries are gone, odd, new or twice as many."""
    tree = json.loads(content)
    for _ in range(draw(st.integers(1, 3))):
        tree = _changed(draw, tree)
    text = json.dumps(tree)
    for placeholder, meant in _AS_TEXT.items():
        text = text.replace(placeholder, meant)
    return text.encode()


def damaged(content):
    """Either."""
    return st.one_of(damaged_bytes(content), damaged_json(content))


def _changed(draw, tree):
    parent, key = None, None
    here = tree
    while isinstance(here, dict | list) and here and draw(st.integers(0, 9)):
        parent = here
        key = draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
        here = here[key]
    if parent is None:
        return draw(ODD_VALUES)
    match draw(st.sampled_from(["replace", "delete", "add", "double"])):
        case "replace":
            parent[key] = draw(ODD_VALUES)
        case "delete":
            del parent[key]
        case "add" if isinstance(parent, dict):
            parent[draw(_WORDS)] = draw(ODD_VALUES)
        case "add":
            parent.append(draw(ODD_VALUES))
        case "double" if isinstance(here, list):
            parent[key] = here * 2
        case _:
            parent[key] = [here]
    return tree
