"""What a file of readings says besides readings, kept as it is written until somebody who understands it takes it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = "str | Mapping[str, tuple[Value, ...]]"
Tree: TypeAlias = Mapping[str, tuple[Value, ...]]
"""Elements by name, without namespaces, in their order; a leaf is its text, "" when it has none."""


@dataclass(frozen=True, slots=True)
class Told:
    """One resource.

    kind    its name: UsageSummary, CustomerAgreement, ...
    row     its line
    path    its own link without scheme and host, "" if it has none; what belongs to it has a longer path
    names   names that may be those of the meter it is about, or the account, the likeliest first: mapped ones, serial
            number, id
    tree    what stands in it
    """

    kind: str
    row: int
    path: str
    names: tuple[str, ...]
    tree: Tree

    def text(self, *names: str) -> str | None:
        return text(self.tree, *names)


def all_of(tree: "Value | None", name: str) -> Iterator[Tree]:
    """The elements of a name that have elements in them."""
    if tree is not None and not isinstance(tree, str):
        yield from (each for each in tree.get(name, ()) if not isinstance(each, str))


def texts(tree: "Value | None", name: str) -> list[str]:
    """The texts of all elements of a name, empty ones left out."""
    if tree is None or isinstance(tree, str):
        return []
    return [each for each in tree.get(name, ()) if isinstance(each, str) and each]


def inside(tree: "Value | None", *names: str) -> "Value | None":
    """The first element at the end of a path of names."""
    for name in names:
        if tree is None or isinstance(tree, str):
            return None
        tree = next(iter(tree.get(name, ())), None)
    return tree


def text(tree: "Value | None", *names: str) -> str | None:
    """Its text; None when there is no such element, or nothing in it."""
    found = inside(tree, *names)
    return found if isinstance(found, str) and found else None
