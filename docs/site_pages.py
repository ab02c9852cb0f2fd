"""Pages of the site that are made when it is built: MkDocs calls the functions ``on_...``."""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from hyperbench import cli
from hyperbench.family import TaskFamily
from hyperbench.registry import installed
from hyperbench.site.boards import file_name
from hyperbench.site.pages import board_pages

ROOT = Path(__file__).parents[1]
ELSEWHERE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
    "plugins/locomotion/TRAINING.md": "training.md",
}
"""Where pages stand that are no files of ``docs/``."""
API = {
    "Measuring": ("hyperbench.api.measure", "hyperbench.api.results", "hyperbench.api.judging"),
    "Parts by name": ("hyperbench.api.reading",),
    "Tasks": ("hyperbench.task", "hyperbench.feature", "hyperbench.split"),
    "Demonstrations": ("hyperbench.demonstration",),
    "Policies": ("hyperbench.policy", "hyperbench.policy.stacked", "hyperbench.mixture"),
    "Methods": ("hyperbench.generator", "hyperbench.search", "hyperbench_baselines.learned"),
    "Families": ("hyperbench.family", "hyperbench.vector", "hyperbench.adapters.gymnasium_family"),
    "Brought demonstrations": ("hyperbench.adapters.minari_data",),
    "Protocols": ("hyperbench.protocol",),
    "Registering": ("hyperbench.hookspecs",),
    "Checking": ("hyperbench.testing",),
    "Statistics": ("hyperbench.statistics",),
}
"""Modules that others import, by page."""
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#]+)(#[^)]*)?\)")
_COMMANDS = typer.main.get_command(cli.app).commands


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, then write out where the navigation says ``folder/*``."""
    boards = Path(config.extra.get("leaderboards", ROOT / "leaderboards"))
    documented = {Path(path).stem for path in files.src_uris if path.startswith("methods/")}
    pages = {f"boards/{name}": text for name, text in board_pages(boards, documented).items()}
    for path, content in (*made_pages(), *pages.items()):
        files.append(File.generated(config, path, content=content))
    config.nav = _written_out(config.nav, sorted(files.src_uris))
    return files


def on_page_markdown(markdown: str, page: Page, files: Files, **_: Any) -> str:
    """Lead links to where pages stand on the site, and add what programs know of the subject."""
    folder, _, name = page.file.src_uri.rpartition("/")
    name = name.removesuffix(".md")
    if folder == "methods" and name in installed().methods:
        rows = f"boards/{file_name('methods', name)}"
        if rows in files.src_uris:
            title, _, text = markdown.partition("\n\n")
            markdown = f"{title}\n\n[Its rows on every board](../{rows})\n\n{text}"
        markdown += "\n" + method_facts(name)
    if not folder and name in installed().suites:
        markdown += "\n" + suite_facts(name)
    return relinked(markdown, page.file.src_uri, files.src_uris)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Put the text of each page beside it, for programs."""
    target = Path(config.site_dir, page.file.dest_uri).with_suffix(".md")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page.markdown or "", encoding="utf-8")
    # The theme leaves its dialog without a name, which a screen reader asks for.
    return output.replace('role="dialog"', 'role="dialog" aria-label="Search"')


def on_post_build(config: MkDocsConfig) -> None:
    """Write ``llms.txt``; the theme's sources of its icons are left out, which no page asks for."""
    pages = [File(path, None, "", use_directory_urls=False) for path in _in_nav(config.nav)]
    lines = [f"# {config.site_name}", "", f"> {config.site_description}", ""]
    for file in pages:
        text = Path(config.site_dir, file.dest_uri).with_suffix(".md")
        if text.exists():
            lines.append(_entry(text, config.site_dir))
    Path(config.site_dir, "llms.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    shutil.rmtree(Path(config.site_dir, ".icons"), ignore_errors=True)


def made_pages() -> Iterator[tuple[str, str]]:
    """Paths and contents of the pages that are no files of ``docs/``."""
    for source, path in ELSEWHERE.items():
        yield path, (ROOT / source).read_text(encoding="utf-8")
    yield "suites.md", suites_page()
    yield "commands/index.md", commands_page()
    for name in _COMMANDS:
        yield f"commands/{name}.md", command_page(name)
    for title, modules in API.items():
        parts = (f"## `{module}`\n\n::: {module}\n" for module in modules)
        yield f"api/{title.lower().replace(' ', '-')}.md", f"# {title}\n\n" + "\n".join(parts)


def relinked(markdown: str, page: str, known: Collection[str]) -> str:
    """Links between files of the repository, as links between pages of the site."""
    sources = {path: source for source, path in ELSEWHERE.items()}
    folder = posixpath.dirname(sources.get(page, f"docs/{page}"))

    def replaced(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[1].replace("\n", " ")))
        if board := re.fullmatch(r"leaderboards(?:/([^/]+)/([^/]+)/table.md)?", target):
            inside = f"boards/{board[1]}-{board[2]}.html"
            inside = inside if inside in known else "boards/index.html"
        else:
            inside = ELSEWHERE.get(target, target.removeprefix("docs/"))
        place = posixpath.relpath(inside, posixpath.dirname(page) or ".")
        return f"]({place}{link[2] or ''})"

    return _LINK.sub(replaced, markdown)


def commands_page() -> str:
    """All commands, each with its summary."""
    rows = ((f"[`{name}`]({name}.md)", _summary(c.help)) for name, c in _COMMANDS.items())
    return "# Commands\n\nMade from `hyperbench COMMAND --help`.\n\n" + _table(
        ("command", "what it does"), rows
    )


def command_page(name: str) -> str:
    """What a command's help says."""
    command = _COMMANDS[name]
    context = typer.Context(command, info_name=f"hyperbench {name}")
    usage = command.get_usage(context).removeprefix("Usage: ")
    parts = [f"# hyperbench {name}", command.help or "", f"```text\n{usage}\n```"]
    for title, kind in (("Arguments", "argument"), ("Options", "option")):
        shown = [p.get_help_record(context) for p in command.params if p.param_type_name == kind]
        if shown:
            told = filter(None, shown)
            said = (f"`{names}`\n:   {' '.join(text.split())}" for names, text in told)
            parts.append("\n\n".join([f"## {title}", *said]))
    return "\n\n".join(parts) + "\n"


def suites_page() -> str:
    """All suites, each with its page."""
    rows = (
        (f"[`{name}`]({name}.md)", str(len(suite.families)), suite.summary)
        for name, suite in installed().suites.items()
    )
    return (
        "# Suites\n\nA suite is a list of families, a family a set of tasks that differ in their "
        "spec alone.\n\n" + _table(("suite", "families", "what it asks"), rows)
    )


def suite_facts(name: str) -> str:
    """What the families of a suite say of themselves."""
    families = [installed().make_family(id_) for id_ in installed().suites[name].families]
    lines = [f"## Families of `{name}`\n"]
    for family in families:
        info = family.info
        steps = f"{info.horizon} steps; {family.observation_space.shape[0]} observations, "
        steps += f"{family.action_space.shape[0]} actions; {len(family.tasks)} tasks"
        lines += [
            f"### `{info.id}`\n",
            f"{_sentence(info.summary)} {steps}. Physics: {info.physics}. Experts: "
            f"{info.expert_version}. Licence: {info.licence}. To cite: {info.citation}.\n",
            _table(("feature", "values", "what it changes"), _features(family)),
        ]
    return "\n".join(lines)


def method_facts(name: str) -> str:
    """What a method's registration and its config say."""
    entry = installed().methods[name]
    fields = installed().method_class(name).Config.model_fields
    rows = (
        (f"`{field}`", f"`{about.default}`", " ".join((about.description or "").split()))
        for field, about in fields.items()
    )
    return (
        f"## Registered as `{name}`\n\nVersion {entry.version}, {entry.track}: {entry.summary}. "
        f"{_sentence(entry.paper)}\n\n" + _table(("setting", "default", "what it is"), rows)
    )


def _features(family: TaskFamily) -> Iterator[tuple[str, str, str]]:
    for i, feature in enumerate(family.spec_space.features):
        values = sorted({task.values[i] for task in family.tasks})
        ends = f"{len(values)} from {values[0]:g} to {values[-1]:g} {feature.unit}".rstrip()
        shown = ", ".join(feature.categories) if feature.categories else ends
        yield f"`{feature.name}`", shown, f"the {feature.kind}"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    cells = (" | ".join(cell.replace("|", "\\|") for cell in line) for line in lines)
    return "\n".join(f"| {line} |" for line in cells) + "\n"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}." if text else ""


def _summary(text: str | None) -> str:
    return " ".join((text or "").split("\n\n")[0].split())


def _written_out(nav: Any, paths: list[str]) -> Any:
    """The navigation with the pages of a folder in place of ``folder/*.md``, its index first."""
    match nav:
        case dict():
            return {title: _written_out(part, paths) for title, part in nav.items()}
        case list():
            parts = [_written_out(part, paths) for part in nav]
            return [one for part in parts for one in (part if isinstance(part, list) else [part])]
        case str() if nav.endswith("/*.md"):
            found = [path for path in paths if re.fullmatch(nav.replace("*", "[^/]+"), path)]
            return sorted(found, key=lambda path: not re.search(r"/(README|index)\.md$", path))
    return nav


def _in_nav(nav: Any) -> list[str]:
    if isinstance(nav, dict):
        nav = list(nav.values())
    return [nav] if isinstance(nav, str) else [path for part in nav for path in _in_nav(part)]


def _entry(text: Path, site: str) -> str:
    """A line of ``llms.txt``: the page, and how it begins."""
    title, *rest = text.read_text(encoding="utf-8").split("\n\n")
    plain = [part for part in rest if re.match(r"[\w*'\"]|`(?!``)", part)]
    begins = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", " ".join(plain[0].split())) if plain else ""
    sentence = re.split(r"(?<=[.?]) ", begins.replace("**", ""))[0]
    place = text.relative_to(site).as_posix()
    return f"- [{title.splitlines()[0].lstrip('# ')}]({place}): {sentence}".removesuffix(": ")
