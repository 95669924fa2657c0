"""What can only be seen with everything together: shared ids and names, and each section's own checks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

from reconciler.config.report import Report
from reconciler.config.resources import ResourceReader
from reconciler.config.section import Finding, Section
from reconciler.config.settings import Target
from reconciler.engine.declared import Declared
from reconciler.problems import Place, Problem


def check_shared(target: str, declared: Sequence[Declared], section: Section, report: Report) -> None:
    """Report two keys on one live id, or on one name, on a target."""
    name_field = section.kind.name_field
    _no_two(declared, lambda one: one.id, "same-id", f"live id on target {target}", "id", report)
    # What is hidden is out of sight for good, so its name is free; what is absent by its id needs no name.
    found_by_name = [one for one in declared if not one.hidden and not (one.absent and one.id is not None)]
    _no_two(
        found_by_name,
        lambda one: _name(one, name_field),
        "same-name",
        f"{name_field} on target {target}",
        name_field,
        report,
    )


def _no_two(
    declared: Iterable[Declared],
    identity: Callable[[Declared], Hashable],
    code: str,
    what: str,
    hint: str,
    report: Report,
) -> None:
    first: dict[Hashable, Declared] = {}
    for one in declared:
        value = identity(one)
        other = first.setdefault(value, one) if value is not None else one
        if other is not one:
            message = f"{one.key} and {other.key} ({other.place}) have one {what}"
            report.error(code, one.place, one.key, message, f"give each its own {hint}")


def _name(declared: Declared, name_field: str) -> Hashable:
    given = declared.given.get(name_field)
    return str(given.value) if given and given.value is not None else None


def check_section(declared: Iterable[Declared], section: Section, report: Report) -> None:
    """Report what the section's own check finds, each finding at the field that it is about."""
    for one in declared:
        for finding in section.check(one):
            place = _place(one, finding)
            report.add(Problem(finding.code, place, one.key, finding.message, finding.hint, finding.severity))


def _place(declared: Declared, finding: Finding) -> Place:
    said = declared.given.get(finding.path) or declared.rulings.get(finding.path)
    return said.origin.place if said else declared.place


def check_accounts(targets: Mapping[str, Target | None], accounts: Sequence[str], report: Report) -> None:
    """Report the targets that lead nowhere: without any of the sections that open an account."""
    for name, target in targets.items():
        if target and not any(map(target.has_account, accounts)):
            message = f"it leads nowhere: it has no {' and no '.join(f'{account}:' for account in accounts)}"
            hint = f'add {accounts[0]}: {{url: "sandbox:"}}, for example'
            report.error("no-account", target.place, f"targets.{name}", message, hint)


def check_presets(readers: Sequence[ResourceReader], report: Report, *, whole: bool) -> None:
    """Warn of presets that no resource names; only a workspace that was read as a `whole` can tell."""
    used = {r.own.controls.preset for reader in readers for r in reader.resources.values()}
    for reader in readers:
        for name, preset in reader.presets.items():
            if whole and name not in used:
                message = f"no resource names the preset {name}"
                report.warning(
                    "unused-preset", preset.written.key_place, "", message, "name it, or remove it"
                )
