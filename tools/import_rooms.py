"""An import-linter contract: a table of packages and the packages that each may import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importlinter import Contract, ContractCheck, fields, output

if TYPE_CHECKING:
    from grimp import ImportGraph

ANYTHING = "*"
EVERYONE_MAY_IMPORT = "errors"


class RoomsContract(Contract):
    """Each row is `package: allowed ...`, and `package: *` allows everything but the command line.

    Only direct imports are judged: what an allowed package imports is its own row's matter. Rows
    for packages that do not exist yet are fine; a package without a row is not.
    """

    type_name = "rooms"

    rows = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002 - the interface
        """Compare every direct import between two packages of the root with the table."""
        (root,) = self.session_options["root_packages"]
        allowed = dict(_read(row) for row in self.rows)
        broken: list[str] = []
        for module in sorted(graph.modules):
            room = _room(module, root)
            if room in ("", EVERYONE_MAY_IMPORT):
                permitted: frozenset[str] = frozenset()
            elif room not in allowed:
                broken.append(f"{module}: the package {room} has no row in pyproject.toml")
                continue
            else:
                permitted = allowed[room]
            for imported in sorted(graph.find_modules_directly_imported_by(module)):
                target = _room(imported, root)
                if target in ("", EVERYONE_MAY_IMPORT, room):
                    continue
                if target in permitted or (ANYTHING in permitted and target != "cli"):
                    continue
                lines = ", ".join(
                    str(detail["line_number"])
                    for detail in graph.get_import_details(importer=module, imported=imported)
                )
                broken.append(f"{module} imports {imported} (line {lines})")
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line an import that the table does not allow."""
        for line in check.metadata["broken"]:
            output.print_error(line)


def _read(row: str) -> tuple[str, frozenset[str]]:
    room, _, permitted = row.partition(":")
    return room.strip(), frozenset(permitted.split())


def _room(module: str, root: str) -> str:
    """Name the package directly below the root that holds `module`; empty for the root itself."""
    return module.removeprefix(root).lstrip(".").partition(".")[0]
