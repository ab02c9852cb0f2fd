"""Names: which entry each stands for, and whose it is, where several plugins use the same one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Generic

from hyperbench.errors import PluginError
from hyperbench.registry.plugins import LOAD_PLUGINS, Entry, Plugin


class Names(Mapping[str, Entry], Generic[Entry]):
    """Entries of one kind, by the name that each is known by.

    That is the one it was registered under. Where several plugins register one, each of theirs is
    known as ``distribution:name``; what is hyperbench's own keeps its name.

    Args:
        kind: of entries, as a sentence begins with it; an attribute, too.
        registered: names, whose they are, and entries; hyperbench's own first.
        own: names that are hyperbench's own though no entry stands for them.
        is_said: whether a user says these names, and so can say which one is meant.
    """

    def __init__(
        self,
        kind: str,
        registered: Iterable[tuple[str, Plugin, Entry]],
        *,
        own: Collection[str] = (),
        is_said: bool = True,
    ) -> None:
        self.kind = kind
        self._is_said = is_said
        self._known: dict[str, tuple[Plugin, Entry]] = {}
        self._whole: dict[str, str] = {}
        self._claims: dict[str, list[tuple[Plugin, Entry]]] = {}
        for name, plugin, entry in registered:
            self._claims.setdefault(name, []).append((plugin, entry))
        self._own = {*own, *(name for name, [(p, _), *_] in self._claims.items() if p.is_own)}
        for name, claims in self._claims.items():
            if len(claims) == 1 and name not in own:
                [self._known[name]] = claims
                self._whole[_whole(claims[0][0], name)] = name
                continue
            if claims[0][0].is_own:
                self._known[name] = claims[0]
            owners = [plugin.distribution for plugin, _ in claims]
            for plugin, entry in claims:
                # One distribution that registers a name twice gives nothing to choose by.
                if not plugin.is_own and owners.count(plugin.distribution) == 1:
                    self._known[_whole(plugin, name)] = plugin, entry

    def __getitem__(self, name: str) -> Entry:
        return self._known[name][1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def asked(self, name: str) -> str | None:
        """The name that an entry is known by, from what was asked for; None if nothing is.

        Raises:
            PluginError: several plugins register that name.
        """
        if name in self._known:
            return name
        if name in self._whole:
            return self._whole[name]
        if name in self._claims and name not in self._own:
            raise PluginError(self._dispute(name))
        return None

    @property
    def spellings(self) -> tuple[str, ...]:
        """All that can be asked for: bare names, and those that say whose."""
        return (*self._claims, *self._whole, *self._known)

    def claim(self, name: str) -> tuple[Plugin, Entry]:
        """Whose entry is known by that name, and the entry."""
        return self._known[name]

    @property
    def disputes(self) -> list[str]:
        """In a sentence each: names that several plugins register, or that are hyperbench's."""
        return [
            self._dispute(name)
            for name, claims in self._claims.items()
            if len(claims) > 1 or (name in self._own and not claims[0][0].is_own)
        ]

    def _dispute(self, name: str) -> str:
        strangers = [plugin for plugin, _ in self._claims[name] if not plugin.is_own]
        owners = list(dict.fromkeys(f"{p.distribution!r} {p.version}" for p in strangers))
        known = [whole for p in strangers if (whole := _whole(p, name)) in self._known]
        by = ("both " if len(owners) == 2 else "") + _listed(owners, "and")
        if len(owners) == 1 < len(strangers):
            by = f"{owners[0]} more than once"
        what = f"{self.kind} {name!r} is"
        if name in self._own:
            what += " hyperbench's own; it is also"
        if known and self._is_said:
            return f"{what} registered by {by}. Say which: {_listed(known, 'or')}."
        return f"{what} registered by {by}. Uninstall one, or name those to load in {LOAD_PLUGINS}."


def _whole(plugin: Plugin, name: str) -> str:
    return f"{plugin.distribution}:{name}"


def _listed(words: list[str], last: str) -> str:
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1])))
