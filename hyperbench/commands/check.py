"""``hyperbench check``: the contract kit, without pytest, in words."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.markup import escape

from hyperbench.errors import ContractError, UnknownNameError, one_line
from hyperbench.hookspecs import FamilyEntry, MethodEntry
from hyperbench.measuring.conductor import why_not_stored
from hyperbench.measuring.settings import make_config, settings_of
from hyperbench.protocol import EvalProtocol, SeedPair
from hyperbench.registry import Registry, installed
from hyperbench.registry.files import absolute
from hyperbench.registry.names import Names
from hyperbench.registry.plugins import Plugin
from hyperbench.testing import FAMILY_CHECKS, METHOD_CHECKS, MethodCase
from hyperbench.testing.registration import registration_of
from hyperbench.threads import single_threaded
from hyperbench.view.console import print_line, standard_output

NUM_STEPS = 30
"""Gradient steps of a fit that is only checked."""
_BRIEF = EvalProtocol(
    id="check-v1",
    summary="fits of a few steps",
    num_steps=NUM_STEPS,
    seeds=(SeedPair(split=0, fit=0),),
)
_LIGHT_SECONDS = 0.5
_HOW_TO_KEEP = (
    "A kind is registered by @hb.register_policy_kind in a file, and by the hook "
    "hyperbench_policy_kinds in a package."
)
_STYLES = {"ok": "green", "note": "yellow", "left out": "dim", "FAILED": "red"}

out = standard_output()


@dataclass(frozen=True)
class Subject:
    """A method or a family to be checked.

    Args:
        name: as it is known by.
        plugin: whose it is.
        entry: as it is registered.
    """

    name: str
    plugin: Plugin
    entry: MethodEntry | FamilyEntry


def check_command(asked: str, settings: Sequence[str]) -> bool:
    """Check a method, a family, all families of a suite, or all that a plugged-in file registers.

    Args:
        asked: name of it, or the file.
        settings: of a method, for its fits to be fast.

    Returns:
        Whether everything passed.

    Raises:
        HyperbenchError: the name is unknown, or a setting is none of the method's.
    """
    registry = installed()
    subjects = _subjects(registry, asked)
    num_failed = 0
    for plugin in {subject.plugin.distribution: subject.plugin for subject in subjects}.values():
        num_failed += not _is_light(plugin)
    for subject in subjects:
        with single_threaded():
            num_failed += _num_failed(registry, subject, settings)
    said = "All passed."
    if num_failed:
        said = f"{num_failed} failed. Mend the first of them first: others may follow from it."
    print_line(f"\n{said}", out)
    return not num_failed


def _subjects(registry: Registry, asked: str) -> list[Subject]:
    kinds: tuple[Names[Any], ...] = (registry.methods, registry.families)
    given = [(names, name) for names in kinds for name in names if names.claim(name)[0].asked]
    found = [(n, name) for n, name in given if n.claim(name)[0].asked == absolute(asked)]
    if not found and (method := registry.methods.asked(asked)):
        found = [(registry.methods, method)]
    if not found:
        try:
            found = [(registry.families, id_) for id_ in registry.select_families(asked)]
        except UnknownNameError:
            known = (*registry.methods, *registry.families, *registry.suites)
            raise UnknownNameError("method, family or suite", asked, known) from None
    return [Subject(name, *names.claim(name)) for names, name in found]


def _is_light(plugin: Plugin) -> bool:
    """Show what it takes to register a plugin; whether that is light, or the user's own affair."""
    print_line(f"Plugin {plugin.distribution} {plugin.version}", out)
    found = registration_of(plugin.asked or f"{plugin.distribution}:{plugin.name}")
    who = [f"{library} is imported by {by}" for library, by in found.heavy.items()]
    said = f"takes {found.seconds:.2f} s; {'; '.join(who) or 'imports nothing heavy'}"
    if not who and found.seconds < _LIGHT_SECONDS:
        _tell("ok", "registration", said)
    elif plugin.asked or not who:
        _tell("note", "registration", f"{said}. Each command that loads it takes so long")
    else:
        _tell("FAILED", "registration", said)
        _explain(
            "Every command, and completion, loads every plugin.",
            'Name classes as "module:Class" in a module that imports none of them, and let the '
            "entry point name that module.",
        )
        return False
    return True


def _num_failed(registry: Registry, subject: Subject, settings: Sequence[str]) -> int:
    """Check one method or family, and tell; how many checks fail."""
    checks: Sequence[Callable[[Any], None]] = FAMILY_CHECKS
    if isinstance(subject.entry, MethodEntry):
        print_line(f"\nMethod {subject.name}", out)
        said = settings_of(settings, [subject.name])[subject.name]
        config = make_config(registry, subject.name, said, _BRIEF)
        method = registry.method_class(subject.name)
        checked: Any = MethodCase(method, config, few_shot=subject.entry.track == "few-shot")
        checks = METHOD_CHECKS
    else:
        print_line(f"\nFamily {subject.name}", out)
        checked = registry.make_family(subject.name)
    names = [check.__name__ for check in checks]
    for name in subject.entry.except_for:
        if name not in names:
            raise UnknownNameError(f"check in except_for of {subject.name!r}", name, names)
    told: dict[str, str] = {}
    num_failed = 0
    for check in checks:
        name = check.__name__
        about, why = _about(check)
        if name in subject.entry.except_for:
            _tell("left out", name, about)
            continue
        failure = _failure(check, checked)
        _tell("FAILED" if failure else "ok", name, about)
        if failure:
            num_failed += 1
            first = told.setdefault(failure, name)
            _explain(why, failure if first == name else f"As in {first}.")
    if isinstance(checked, MethodCase) and not num_failed:
        policies = checked.generate(checked.reference.generator, checked.specs)
        if why_not := why_not_stored(policies, registry):
            lost = f"keep no such policies, so that no row is verified: {why_not}."
            _tell("note", "records", f"{lost} {_HOW_TO_KEEP}")
    return num_failed


def _about(check: Callable[[Any], None]) -> tuple[str, str]:
    """What a check demands, in a sentence, and why."""
    text = inspect.getdoc(check) or ""
    paragraphs = [" ".join(part.split()).replace("``", "`") for part in text.split("\n\n")]
    return paragraphs[0].removeprefix("Check that ").rstrip("."), " ".join(paragraphs[1:])


def _failure(check: Callable[[Any], None], checked: Any) -> str:
    """What a check finds wrong, and how to mend it; empty if nothing."""
    try:
        check(checked)
    except ContractError as error:
        return str(error)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # a stranger's code may raise anything
        last = traceback.extract_tb(error.__traceback__)[-1]
        return (
            f"{one_line(error)}\n  Raised in {last.filename}, line {last.lineno}, in {last.name}."
        )
    return ""


def _tell(state: str, name: str, said: str) -> None:
    out.print(
        f"  [{_STYLES[state]}]{state:8}[/]  {escape(name)}: {escape(said)}.",
        highlight=False,
        soft_wrap=True,
    )


def _explain(*texts: str) -> None:
    for line in "\n".join(filter(None, texts)).splitlines():
        print_line(f"              {line.strip()}", out)
