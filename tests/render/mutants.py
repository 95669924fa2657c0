"""Broken reports: each one a mistake that could be made, and the test that is there to catch it."""

from __future__ import annotations

from tests.mutants.mutants import Mutant

REPORTS = "tests/commands/test_reports.py"
GITHUB = "tests/commands/test_github.py"

MUTANTS = (
    Mutant(
        "leaves the report of another run where a run is killed",
        "commands/reports.py",
        "    report.begin()\n",
        "",
        f"{REPORTS}::test_while_a_run_is_under_way_its_report_says_so",
    ),
    Mutant(
        "passes the report of some targets for that of all",
        "commands/reports.py",
        "self._write_all([*self.told, self._underway])",
        "self._write_all(self.told)",
        f"{REPORTS}::test_between_two_targets_the_report_has_the_first_and_says_that_it_is_not_all",
    ),
    Mutant(
        "cuts what is grave before the rest",
        "render/fitting.py",
        "for is_grave in (True, False):",
        "for is_grave in (False, True):",
        "tests/render/test_fitting.py::test_what_is_grave_is_whole_before_anything_else_has_room",
    ),
    Mutant(
        "shows on a page what is carried",
        "render/html/page.py",
        "put(body, member, CARRIED)",
        "continue",
        "tests/render/test_html.py::test_what_is_carried_and_who_is_written_to_is_not_in_it",
    ),
    Mutant(
        "says nothing on its line of what a plan leaves alone",
        "render/reported.py",
        "                yield from reported.refused(blocked)\n",
        "                pass\n",
        f"{GITHUB}::test_what_a_plan_leaves_alone_stands_on_its_line",
    ),
    Mutant(
        "glues its first output to somebody else's last line",
        "commands/github.py",
        "{chr(10) if begun else ''}",
        "",
        f"{GITHUB}::test_a_last_line_without_an_end_keeps_its_value",
    ),
    Mutant(
        "links lines at the commit that a merge would make",
        "commands/github.py",
        "return Links.in_checkout(outside.environ, outside.folder, commit, repository.prefix)",
        "return Links.of(outside.environ, outside.folder)",
        f"{GITHUB}::test_links_lead_to_the_commit_that_is_checked_out",
    ),
)
