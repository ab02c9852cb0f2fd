"""What ``info`` says of a family: its splits, and returns measured on the spot."""

import io
import json

import pytest
from rich.console import Console
from typer.testing import CliRunner

from hyperbench import cli
from hyperbench.commands import info as describe
from hyperbench.commands.info import info_command
from hyperbench.errors import HyperbenchError, ProtocolError
from hyperbench.protocol import PAPER, QUICK, QUICK_2
from hyperbench.rollout import episode_seeds, rollout
from hyperbench.view import chart


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch):
    """What ``info_command`` prints; on a terminal if an encoding is given."""

    def run(*arguments, encoding=None, **options) -> str:
        file = io.TextIOWrapper(io.BytesIO(), encoding=encoding or "utf-8")
        terminal = encoding is not None
        monkeypatch.setattr(describe, "out", Console(file=file, force_terminal=terminal, width=80))
        info_command(*arguments, **options)
        file.flush()
        return file.buffer.getvalue().decode(encoding or "utf-8")

    return run


def test_what_there_is_to_say_is_there_for_programs(capsys, pointmass) -> None:
    info_command("pointmass", protocol=QUICK, split_seed=1, num_episodes=1, as_json=True)
    [found] = json.loads(capsys.readouterr().out)
    assert found["id"] == pointmass.info.id
    assert list(found["tasks"]) == [task.key for task in pointmass.tasks]
    split = QUICK.split(pointmass, 1)
    assert found["split"]["target"] == [task.key for task in split.target]
    assert found["returns"].keys() == {"expert", "random"}
    assert found["returns"]["expert"].keys() == found["tasks"].keys()
    info_command("pointmass", as_json=True)
    assert not {"split", "returns"} & json.loads(capsys.readouterr().out)[0].keys()
    info_command("film", as_json=True)
    method = json.loads(capsys.readouterr().out)
    assert method["settings"]["policy_width"]["default"] == "256"
    assert method["search"]["spec_units"] == "scaled, raw"
    info_command("quick-v1", as_json=True)
    assert json.loads(capsys.readouterr().out)["num_episodes"] == QUICK.num_episodes


def test_the_returns_are_those_of_the_families_experts_and_of_random_actions(
    shown, pointmass
) -> None:
    text = shown("pointmass", num_episodes=2)
    seeds = episode_seeds(0, "info", pointmass.tasks, 2)
    table = rollout(pointmass, pointmass.tasks, pointmass.expert(pointmass.tasks), seeds)
    means = table.returns.mean(axis=1)
    assert f"expert  {means.mean():.4g} on average" in text
    assert f"{means.min():.4g} to {means.max():.4g} by task" in text
    assert "success 100 %" in text
    assert "episodes per task: 2" in text
    shades, _ = chart.shades(means.tolist(), chart.ASCII)
    for line in chart.grid(pointmass.tasks, shades, fill=True):
        assert line in text


def test_the_picture_is_plain_unless_a_terminal_can_show_blocks(shown) -> None:
    for text in (shown("pointmass"), shown("pointmass", encoding="ascii")):
        assert "from . " in text
        assert text.isascii()
    assert "from ░ " in shown("pointmass", encoding="utf-8")


@pytest.mark.parametrize("name", ["pointmass", "pointmass/goal-drag", "pointmass/goal-drag-v1"])
def test_it_says_how_many_tasks_each_protocol_has(shown, name: str) -> None:
    text = shown(name, num_episodes=0)
    assert "10 source, 5 validation, 33 target" in text
    assert "10 source, 0 validation, 38 target" in text
    assert "goal_x  4 values from -1 to 1 m" in text
    assert "3 numbers: goal_x, goal_y, drag" in text
    assert "licence" in text
    assert "Return" not in text


def test_a_split_is_listed_and_drawn_and_nothing_played(shown, pointmass) -> None:
    text = shown("pointmass", protocol=QUICK, split_seed=3)
    split = QUICK.split(pointmass, 3)
    assert "Split 3 of quick-v1" in text
    assert "Return" not in text
    words = text.split()
    for part in (split.source, split.validation, split.target):
        for task in part:
            assert words.count(task.label.replace(" ", "")) == 1
    picture = text[text.index("T target") + len("T target") :]
    for mark, part in zip("SVT", (split.source, split.validation, split.target), strict=True):
        assert picture.count(mark) == len(part)
    first = "".join(
        mark
        for task in pointmass.tasks[:3]  # goal_x = goal_y = -1: the cell at the lower left
        for mark, part in zip("SVT", (split.source, split.validation, split.target), strict=True)
        if task in part
    )
    assert picture.splitlines()[-2].split()[1] == first


def test_what_a_protocol_neither_learns_from_nor_judges_is_drawn_as_such(shown, pointmass) -> None:
    text = shown("pointmass", protocol=QUICK_2, split_seed=0)
    left_out = len(pointmass.tasks) - sum(map(len, vars(QUICK_2.split(pointmass, 0)).values()))
    assert left_out
    assert ", · left out by the protocol" in text
    picture = text.partition("left out by the protocol")[2]
    assert picture.count("·") == left_out


def test_a_split_is_the_protocols_first_unless_asked_for(shown) -> None:
    assert "Split 123 of paper-v1" in shown("pointmass", protocol=PAPER)
    assert "Return" in shown("pointmass", protocol=PAPER, num_episodes=1)


def test_a_suite_of_several_families_is_not_played_unasked(shown) -> None:
    text = shown("tracking")
    assert text.count("Family tracking/") > 1
    assert "Return" not in text


def test_a_family_too_small_for_a_protocol_is_described(
    shown, monkeypatch: pytest.MonkeyPatch, pointmass
) -> None:
    monkeypatch.setattr(type(pointmass), "tasks", pointmass.tasks[:2])
    assert "needs at least 3 tasks, found 2" in " ".join(shown("pointmass").split())
    with pytest.raises(ProtocolError, match="at least 3"):
        shown("pointmass", protocol=QUICK)


@pytest.mark.parametrize("options", [{"protocol": QUICK}, {"num_episodes": 1}])
@pytest.mark.parametrize("name", ["spec-blind", "quick-v1"])
def test_what_is_no_family_cannot_be_split_or_played(shown, name: str, options: dict) -> None:
    with pytest.raises(HyperbenchError, match=f"'{name}' is no family"):
        shown(name, **options)


def test_the_command_line_hands_everything_on(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    monkeypatch.setattr(describe, "info_command", lambda *a, **options: given.append((a, options)))
    CliRunner().invoke(cli.app, ["info", "x", "-p", "paper-v1", "--split", "4"])
    CliRunner().invoke(cli.app, ["info", "x", "--split", "0", "--num-episodes", "3"])
    assert given == [
        (("x",), {"protocol": PAPER, "split_seed": 4, "num_episodes": None, "as_json": False}),
        (("x",), {"protocol": QUICK_2, "split_seed": 0, "num_episodes": 3, "as_json": False}),
    ]
