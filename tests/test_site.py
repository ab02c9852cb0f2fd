"""The site: every board at a glance, a page a board and a method, and the documentation."""

import re
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import typer
from typer.testing import CliRunner

from hyperbench import cli
from hyperbench.boards.literature import PUBLISHED
from hyperbench.errors import DataError
from hyperbench.protocol import PROTOCOLS
from hyperbench.site import build
from hyperbench.site.boards import file_name, read_boards
from hyperbench.site.pages import GLANCE, board_pages

ROOT = Path(__file__).parents[1]
SCRIPT = "plotly-cartesian.min.js"
MOST_OF_A_PAGE = 2_000_000
"""Bytes; the script that board pages share is not counted."""


def new_board(boards, protocol):
    """A board's folder, without runs."""
    board = boards / "toy" / protocol
    (board / "records").mkdir(parents=True)
    (board / "protocol.json").write_text("{}")
    return board


@pytest.fixture
def boards(tmp_path, write_run):
    """Two committed boards; one method is on both, once with a setting."""
    for protocol, others in (("standard-v1", ("film",)), ("gap-v1", ("<b>odd</b> name",))):
        board = new_board(tmp_path / "leaderboards", protocol)

        def write(method, value, board=board, protocol=protocol, **more):
            runs = board / "records" / method.strip("</>")[:1]
            more["protocol"] = PROTOCOLS[protocol]
            for seed in range(3):
                returns = [value + seed] * 8
                write_run(method, returns, runs=runs, split_seed=seed, **more)

        write("random", 0.0, is_arm=True)
        write("expert", 100.0, is_arm=True)
        write("hypogen", 80.0, overrides={"num_blocks": 8} if others == ("film",) else {})
        for method in others:
            write(method, 40.0)
    return tmp_path / "leaderboards"


def links(text):
    """What a page leads to or loads."""
    found = re.findall(
        r'(?:href|src)="([^"]*)"', re.sub(r"<script>.*?</script>", "", text, flags=re.S)
    )
    return [unescape(link) for link in found if not link.startswith("data:")]


def broken(pages, html):
    """Links of a page to files or to places on them that are not there."""
    wrong = []
    for link in links(html):
        parts = urlsplit(link)
        target = pages.get(parts.path) if parts.path else html
        if target is None or (parts.fragment and f'id="{parts.fragment}"' not in target):
            wrong.append(link)
    return wrong


def test_each_board_and_each_method_has_a_page_and_every_link_holds(boards):
    (boards / "published").mkdir()
    figures = ROOT / "leaderboards" / "published" / "hypogen-2025" / PUBLISHED
    (boards / "published" / PUBLISHED).write_text(figures.read_text())
    pages = board_pages(boards)
    named = {"toy-standard-v1.html", "toy-gap-v1.html", "methods-hypogen.html", "methods-film.html"}
    odd = file_name("methods", "<b>odd</b> name")
    assert {*named, "index.html", GLANCE, SCRIPT, "published.html", odd} == set(pages)
    for name, text in pages.items():
        if name.endswith(".html"):
            outside = [link for link in links(text) if not link.startswith("https://openreview")]
            assert not [link for link in broken(pages, text) if link in outside], name
            assert not re.findall(r'src="(?!plotly)', re.sub(r"<script>.*?</script>", "", text)), (
                name
            )
            assert "<b>odd" not in text
    first = pages["index.html"]
    assert {"toy-standard-v1.html", "toy-gap-v1.html", "methods-hypogen.html"} <= set(links(first))
    everywhere = pages["methods-hypogen.html"]
    assert everywhere.count("<tr>") == 3, "a header and a row on each board"
    assert "hypogen [num_blocks=8]" in everywhere
    assert "toy, gap-v1" in everywhere
    picture = pages[GLANCE]
    assert picture.count("<circle") == 2 * 4
    assert set(re.findall(r'<svg x="(\d+)"', picture)) == {"222", "338"}, "a place for each board"


def test_a_board_shows_the_curve_over_source_tasks_that_it_has_a_point_on(boards, write_run):
    for num_source in (2, 4):
        board = new_board(boards, f"few-{num_source}-v1")
        protocol = PROTOCOLS["standard-v1"].model_copy(
            update={
                "id": board.name,
                "num_source": num_source,
                "num_target": 8,
                "split_label": "few-v1",
            }
        )
        for method, value, is_arm in (("random", 0.0, True), ("expert", 100.0, True)):
            write_run(method, [value] * 8, runs=board / "records", is_arm=is_arm, protocol=protocol)
        write_run("film", [20.0 * num_source] * 8, runs=board / "records", protocol=protocol)
    pages = board_pages(boards)
    drawn = {name for name, page in pages.items() if "Over source tasks" in page}
    assert drawn == {"toy-few-2-v1.html", "toy-few-4-v1.html"}


def test_a_link_that_leads_nowhere_is_found():
    pages = {"a.html": '<a href="b.html#there">', "b.html": '<p id="here">'}
    assert broken(pages, pages["a.html"]) == ["b.html#there"]
    assert broken({**pages, "b.html": '<p id="there">'}, pages["a.html"]) == []
    assert broken({}, '<img src="x.png">') == ["x.png"]


def test_with_documentation_pages_lead_to_it(boards):
    pages = board_pages(boards, {"hypogen"})
    assert "../methods/hypogen.html" in links(pages["methods-hypogen.html"])
    assert "../methods/film.html" not in links(pages["methods-film.html"])
    assert "../contributing.html#submitting-a-row" in links(pages["index.html"])
    assert not [link for link in links(board_pages(boards)["index.html"]) if ".." in link]


def test_methods_that_are_on_more_boards_come_first_and_controls_last(boards):
    rows = re.findall(r'<th scope="row" data-sort="([^"]*)"', board_pages(boards)["index.html"])
    assert rows[:3] == ["hypogen", "hypogen [num_blocks=8]", "&lt;b&gt;odd&lt;/b&gt; name"]
    assert rows[4:6] == ["expert", "random"]


def test_a_method_without_support_has_one_line_also_where_others_see_some(boards, write_run):
    board = new_board(boards, "few-shot-v1")
    rules = {"runs": board / "records", "protocol": PROTOCOLS["few-shot-v1"]}
    for method, value, fields in (
        ("random", 0.0, {"is_arm": True}),
        ("expert", 100.0, {"is_arm": True}),
        ("film", 70.0, {}),
        ("maml", 60.0, {"track": "few-shot"}),
    ):
        write_run(method, [value] * 8, **fields, **rules)
    few_shot, _, standard = read_boards(boards)
    assert [board.protocol for board in (few_shot, standard)] == ["few-shot-v1", "standard-v1"]
    assert "film (zero-shot)" in {row.method for row in few_shot.rows}
    first = board_pages(boards)["index.html"].partition("At a glance")[2].partition("Boards</h2>")
    rows = re.findall(r'<th scope="row" data-sort="([^"]*)"', first[0])
    assert rows.count("film") == rows.count("maml") == 1
    assert "film (zero-shot)" not in rows


def test_away_from_a_clone_the_boards_are_built_alone_and_it_says_so(boards, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "source_tree", lambda: None)
    command = ["site", str(boards), "-o", str(tmp_path / "site")]
    done = CliRunner().invoke(cli.app, command)
    assert done.exit_code == 0, done.output
    assert "the boards alone" in done.output
    assert (tmp_path / "site" / "index.html").exists()
    (tmp_path / "site" / "old.html").touch()
    assert CliRunner().invoke(cli.app, command).exit_code == 0
    assert not (tmp_path / "site" / "old.html").exists(), "a site is replaced whole"


def test_a_folder_that_is_no_site_is_left_alone(boards, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(DataError, match=r"no site of this command.*--output"):
        build.write_site(boards, tmp_path / "mine", print)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def test_a_folder_without_boards_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"No board in .* `hyperbench publish`"):
        read_boards(tmp_path)


@pytest.mark.thorough  # half a minute: MkDocs builds everything, strictly
def test_the_whole_site_is_built_without_a_warning_and_its_links_hold(tmp_path):
    pytest.importorskip("material")
    site = tmp_path / "site"
    build.write_site(ROOT / "leaderboards", site, print)
    pages = {path: path.read_text() for path in site.rglob("*.html")}
    for path, text in pages.items():
        assert path.name == SCRIPT or len(text) < MOST_OF_A_PAGE, path
        # The page of what is not found is shown anywhere, and leads from the top.
        for link in links(text) if path.name != "404.html" else ():
            parts = urlsplit(link)
            if parts.scheme:
                assert 'src="' + link not in text, "a page asks nobody for anything"
                continue
            target = (path.parent / parts.path).resolve() if parts.path else path
            assert target.exists(), f"{path.relative_to(site)}: {link}"
            if parts.fragment and target in pages and parts.fragment != "__skip":
                assert f'id="{parts.fragment}"' in pages[target], (
                    f"{path.relative_to(site)}: {link}"
                )
    for command in typer.main.get_command(cli.app).commands:
        assert (site / "commands" / f"{command}.html").exists()
    listed = re.findall(r"\]\((\S+\.md)\)", (site / "llms.txt").read_text())
    assert {"writing-a-method.md", "for-programs.md", "commands/run.md"} <= set(listed)
    assert all((site / name).exists() for name in listed)
    shown = ROOT / "docs" / GLANCE
    same = shown.read_text() == (site / "boards" / GLANCE).read_text()
    assert same, f"{shown} is not of these boards: copy boards/{GLANCE} of a new site there"
