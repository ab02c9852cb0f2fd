"""The report in a real browser: it draws, sorts, answers to the pointer, and asks nobody."""

import shutil

import pytest

from hyperbench.records.find import find_runs
from hyperbench.records.record import Cost, SplitEntry, TaskEntry
from hyperbench.report.content import read_content
from hyperbench.report.page import render_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # A container's root has no sandbox, and the page is our own.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def written():
    """The report, once the first test has made it."""
    return {}


@pytest.fixture
def page_file(written, tmp_path, write_run, make_tasks):
    """A report on one family with four methods; the score of the worst is not the last name."""
    path = tmp_path / "report.html"
    if written:
        path.write_text(written["page"])
        return path
    tasks = make_tasks(9)
    split = SplitEntry(
        source=(TaskEntry(key="s", features={"size": 0.3}),),
        validation=(),
        target=tuple(
            TaskEntry(key=t.key, features={"size": t["size"]}, region="interpolation", distance=0.1)
            for t in tasks
        ),
    )
    for method, value in {"random": 0.0, "expert": 100.0}.items():
        write_run(method, [value] * 9, tasks=tasks, split=split, is_arm=True)
    for method, value in {"able": 10.0, "best with a rather long name": 90.0}.items():
        cost = Cost(num_parameters=1000 + int(value), fit_seconds=value)
        write_run(method, [value] * 9, tasks=tasks, split=split, cost=cost)
    written["page"] = render_page(read_content(find_runs([tmp_path / "runs"])), {})
    path.write_text(written["page"])
    return path


@pytest.fixture
def visit(browser, page_file):
    """Open the report; gives the page and everything that should not have happened there."""
    opened = []

    def open_(width=1280, scheme="light"):
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True
        )
        opened.append(context)
        page, trouble = context.new_page(), []
        page.set_default_timeout(60_000)
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("request", lambda request: trouble.append(request.url))
        page.goto(page_file.as_uri())
        # Charts are drawn when they come near; on a phone the first is below the tables.
        page.locator(".chart").first.scroll_into_view_if_needed()
        page.locator(".chart .main-svg").first.wait_for()
        trouble.remove(page_file.as_uri())
        return page, trouble

    yield open_
    for context in opened:
        context.close()


def methods(page):
    return page.locator(".scores tbody .name").all_inner_texts()


def test_a_click_on_a_column_sorts_by_it(visit):
    page, trouble = visit()
    best, worst = "best with a rather long name", "able"
    assert methods(page) == ["expert", best, worst, "random"]
    score = page.locator(".scores thead th", has_text="score").first
    score.get_by_role("button").click()
    assert score.get_attribute("aria-sort") == "descending"
    score.get_by_role("button").click()
    assert score.get_attribute("aria-sort") == "ascending"
    assert methods(page) == ["random", worst, best, "expert"]
    page.locator(".scores thead").get_by_role("button", name="method").press("Enter")
    assert methods(page) == [worst, best, "expert", "random"]
    assert page.locator(".scores th[aria-sort]").count() == 1
    assert not trouble


def test_the_pointer_brings_up_a_label_and_the_bar_hides_a_method(visit):
    page, trouble = visit()
    chart = page.locator(".chart").first
    chart.scroll_into_view_if_needed()
    chart.locator(".main-svg").first.wait_for()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
    label = chart.locator(".hoverlayer")
    label.get_by_text("able").wait_for()
    assert "size" in label.text_content()
    lines = chart.locator(".scatterlayer .trace")
    before = lines.count()
    page.locator(".legend").get_by_role("button", name="able").click()
    assert lines.count() < before
    assert not page.locator(".modebar-btn[data-title*=hare]").count(), "a chart can be sent away"
    assert not trouble


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (390, "light"),
        (1280, "dark"),
        pytest.param(390, "dark", marks=pytest.mark.thorough),
        pytest.param(1280, "light", marks=pytest.mark.thorough),
    ],
)
def test_the_page_fits_its_width_and_follows_the_theme(visit, width, scheme):
    page, trouble = visit(width, scheme)
    for chart in page.locator(".chart").all():
        chart.scroll_into_view_if_needed()
        chart.locator(".main-svg").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    red = page.evaluate("Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])")
    assert (red < 60) == (scheme == "dark")
    assert not trouble


@pytest.mark.thorough  # that tables have a script is shown by sorting
def test_the_filter_hides_rows_and_a_table_that_is_cut_fades_out(visit):
    page, trouble = visit(390)
    region = page.locator(".scroll").first
    assert region.get_attribute("data-more") is not None
    page.locator("input[data-filter]").first.fill("rather long")
    assert page.locator(".scores tbody tr:visible").count() == 1
    region.evaluate("region => { region.scrollLeft = region.scrollWidth; }")
    page.wait_for_function("!document.querySelector('.scroll').hasAttribute('data-more')")
    assert not trouble
