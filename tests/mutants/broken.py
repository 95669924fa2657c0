"""Broken engines: each one a mistake that could be made, and the test that has to fail for it.

A mistake replaces one function, method or constant of the tool by its name. `python -m tests.mutants MISTAKE`
makes it in a process of its own and runs the test there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from reconciler.engine.change import Plan
from reconciler.engine.outcome import Result

Broken = Callable[[Any], Any]
"""From the right function to the broken one."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One replacement, and the test that catches it."""

    name: str
    """What is replaced: `module:function` or `module:Class.method`, below `reconciler`."""
    broken: Broken
    test: str

    def make(self) -> None:
        """Put the broken one in the place of the right one, wherever that was imported already."""
        module_name, _, path = self.name.partition(":")
        *owners, last = path.split(".")
        owner: Any = import_module(f"reconciler.{module_name}")
        for part in owners:
            owner = getattr(owner, part)
        right = getattr(owner, last)
        broken = self.broken(right)
        if isinstance(owner, type):
            is_static = isinstance(vars(owner)[last], staticmethod)
            setattr(owner, last, staticmethod(broken) if is_static else broken)
            return
        for module in [module for name, module in sys.modules.items() if name.startswith("reconciler")]:
            for name in [name for name, value in vars(module).items() if value is right]:
                setattr(module, name, broken)


def always(value: object) -> Broken:
    """Return what makes a function that always returns this."""
    return lambda _: lambda *_args, **_named: value


def without(field_class: str) -> Broken:
    """Return what makes a `desired` that forgets the fields of a class."""
    return lambda right: (
        lambda kind, declared, views, live: right(
            kind, declared, tuple(view for view in views if view.cls.value != field_class), live
        )
    )


def unlimited(plan: Plan, **limits: None) -> Plan:
    """Return the plan without some of its limits."""
    return replace(plan, scope=replace(plan.scope, limits=replace(plan.scope.limits, **limits)))


def forgetful(journal: Any) -> Any:
    """Return a journal that does not take what is overwritten."""
    return SimpleNamespace(intent=lambda change, _overwritten, body: journal.intent(change, None, body))


APPLY = "tests/engine/test_apply.py"
BODY = "tests/engine/test_classify.py::TestForm"
CLASSIFY = "tests/engine/test_classify.py"
CLIENT = "tests/checkmarket/test_client.py"
LISTING = "tests/checkmarket/test_client_listing.py"
PLANNING = "tests/engine/test_plan.py"
REVIEW = "tests/engine/test_review.py"
PLAN_FILES = "tests/commands/test_plan_files.py"
OUTCOMES = "tests/seeds/test_outcomes.py"
ADD = "POST *customer/add:1+:before"
MEMORY = "tests/hostile/test_wrong_memory.py"
DOUBTFUL = "tests/hostile/test_doubtful_creates.py"
REFUSALS = "tests/seeds/test_refusals.py"

MISTAKES: Mapping[str, Mistake] = {
    "drops what is kept": Mistake(
        "engine.classify:desired",
        without("kept"),
        f"{CLASSIFY}::test_a_group_keeps_what_is_kept_and_loses_what_is_reset",
    ),
    "leaves the visibility flag out": Mistake(
        "engine.classify:desired",
        lambda right: (
            lambda kind, declared, views, live: right(
                kind, declared, tuple(view for view in views if view.path != kind.visible_field), live
            )
        ),
        f"{CLASSIFY}::test_the_visibility_flag_is_always_in_the_body",
    ),
    "takes times of invitations for local ones": Mistake(
        "checkmarket.effects:_moment",
        lambda right: lambda day, days, clock, _=None: right(day, days, clock, ZoneInfo("Europe/Amsterdam")),
        "tests/checkmarket/test_timeline.py::test_mail_leaves_at_its_utc_hour",
    ),
    "does not carry members that it does not know": Mistake(
        "engine.body:unknown_members",
        always(()),
        f"{CLASSIFY}::test_members_that_the_model_does_not_know_are_carried_and_the_servers_own_are_not",
    ),
    "believes a default that only the files state": Mistake(
        "engine.classify:FieldView.is_claimed",
        lambda _: property(lambda _view: False),
        f"{CLASSIFY}::test_a_default_that_is_only_stated_hides_no_reset",
    ),
    "takes a preset's word for consent": Mistake(
        "engine.classify:_view",
        lambda right: lambda *args, **named: replace(right(*args, **named), consented=True),
        f"{CLASSIFY}::test_a_default_that_is_only_stated_hides_no_reset",
    ),
    "tells false from nothing on an account that shows no false": Mistake(
        "engine.body:shows_zero",
        always(True),
        f"{BODY}::test_false_and_zero_are_nothing_until_the_account_shows_an_explicit_one",
    ),
    "does not read again before it writes": Mistake(
        "engine.apply:Run._compare",
        lambda _: lambda _run, change, _live: (change.fields, ""),
        f"{APPLY}::test_a_change_of_a_set_or_reset_field_since_the_plan_is_stale",
    ),
    "overwrites what changed since the plan": Mistake(
        "engine.apply:Run._compare",
        lambda right: lambda *args: (right(*args)[0], ""),
        f"{APPLY}::test_a_change_of_a_set_or_reset_field_since_the_plan_is_stale",
    ),
    "creates a name that appeared since the plan": Mistake(
        "engine.apply:Run._named_since",
        always(""),
        f"{APPLY}::test_a_name_that_appeared_since_the_plan_is_not_created_a_second_time",
    ),
    "goes on after a 401": Mistake(
        "engine.apply:_HOPELESS",
        lambda _: (),
        f"{APPLY}::test_after_lost_rights_or_allowance_nothing_further_is_begun",
    ),
    "does not write down what it overwrites": Mistake(
        "engine.apply:Run._steps",
        lambda right: lambda run, change: right(replace(run, journal=forgetful(run.journal)), change),
        f"{APPLY}::test_the_journal_holds_the_body_about_to_be_overwritten_before_the_write",
    ),
    "writes before it has written down the intent": Mistake(
        "engine.apply:Run._steps",
        lambda right: lambda run, change: right(replace(run, journal=None), change),
        f"{APPLY}::test_the_journal_holds_the_body_about_to_be_overwritten_before_the_write",
    ),
    "calls a write applied that still reads as before": Mistake(
        "engine.outcome:Write.in_doubt",
        lambda _: lambda write, _why: write.ended(Result.APPLIED),
        f"{APPLY}::test_a_read_back_that_equals_the_old_body_when_patience_ends_is_in_doubt",
    ),
    "has no patience with a slow cache": Mistake(
        "engine.apply:Run._is_over", always(True), f"{APPLY}::test_a_slow_cache_is_waited_for"
    ),
    "says that all went well where only a part did": Mistake(
        "errors:Exit.gravest",
        lambda right: lambda ends: min(ends, default=right(())),
        f"{APPLY}::test_the_gravest_end_is_what_the_run_says",
    ),
    "does not notice a refusal in a 200": Mistake(
        "checkmarket.client:opened",
        lambda right: lambda answer: replace(right(answer), refusal=None),
        f"{CLIENT}::TestReplace::test_a_refusal_says_why",
    ),
    "takes a list that is cut short for a whole one": Mistake(
        "checkmarket.client:_Listing._page",
        lambda right: lambda *args: replace(right(*args), totals=frozenset()),
        f"{LISTING}::test_a_list_that_is_not_proven_to_be_whole_is_an_error",
    ),
    "takes the first of two that have one name": Mistake(
        "engine.plan:_by_name",
        lambda _: (
            lambda name, inventory, _: next((one for one in inventory.listed if one.name == name), None)
        ),
        f"{PLANNING}::test_two_live_ones_of_one_name_are_not_chosen_from",
    ),
    "creates again what is not found by its id": Mistake(
        "engine.plan:_match",
        lambda _: lambda _account, declared, inventory, *_args: inventory.by_id.get(declared.id),
        f"{PLANNING}::test_an_id_that_is_not_there_is_not_created_again",
    ),
    "lets two keys share one live resource": Mistake(
        "engine.plan:match_all",
        lambda _: (
            lambda _account, declared, inventory, *_rest: {
                one.key: next(iter(inventory.listed)) for one in declared
            }
        ),
        f"{PLANNING}::test_two_keys_never_meet_on_one_live_one",
    ),
    "resets without consent": Mistake(
        "engine.plan:_limited",
        lambda right: lambda plan, *rest: right(unlimited(plan, resets=None), *rest),
        f"{PLANNING}::test_resets_without_consent_block_the_resource_and_name_every_field_while_others_go_on",
    ),
    "deletes beyond the limit": Mistake(
        "engine.plan:_limited",
        lambda right: lambda plan, *rest: right(unlimited(plan, deletes=None), *rest),
        f"{PLANNING}::test_prune_deletes_within_the_limit_only",
    ),
    "hides what only a flag allows to hide": Mistake(
        "engine.plan:_blocks_of",
        lambda right: lambda account, change, _hide: right(account, change, frozenset({change.key})),
        f"{PLANNING}::test_a_flag_for_another_key_does_not_allow_hiding",
    ),
    "leaves what is overwritten out of the digest": Mistake(
        "engine.change:Change._digest_over",
        lambda right: lambda change, views: right(change, [replace(view, before=None) for view in views]),
        f"{PLANNING}::TestDigest::test_another_value_set_overwritten_or_reset_is_another_change",
    ),
    "applies what was not reviewed": Mistake(
        "engine.plan:Review.covers", always(True), f"{REVIEW}::test_exactly_what_was_reviewed_is_left_to_do"
    ),
    "ignores the account of a plan file": Mistake(
        "commands.apply:Approval.check_files",
        always(None),
        f"{PLAN_FILES}::test_a_plan_for_another_account_is_refused_before_anything_is_asked",
    ),
    "sends a request again whose answer was lost": Mistake(
        "http.api:Api._lost",
        lambda right: lambda api, call, error: right(api, replace(call, reads=True), error),
        f"{OUTCOMES}::test_what_is_in_doubt_rests_before_it_is_counted[POST *customer/add:1:before:drop]",
    ),
    "takes a page of HTML for a batch that was taken": Mistake(
        "expoints.client:check_taken",
        always(None),
        f"{OUTCOMES}::test_what_is_in_doubt_rests_before_it_is_counted[{ADD}:html]",
    ),
    "goes on after its rights are lost": Mistake(
        "expoints.sending:_HOPELESS",
        lambda _: (),
        f"{OUTCOMES}::test_lost_rights_and_allowance_stop_the_next_request",
    ),
    "sends to a mailbox whose customers the journal does not explain": Mistake(
        "expoints.settling:judged",
        lambda _: lambda recipient, _explained: recipient,
        f"{MEMORY}::test_who_is_found_between_plan_and_sending_is_not_sent_to",
    ),
    "believes a refusal that counting does not confirm": Mistake(
        "expoints.sending:Sender._doubt",
        always(""),
        f"{MEMORY}::test_a_refusal_that_cannot_be_counted_is_in_doubt",
    ),
    "believes this machine's clock alone": Mistake(
        "expoints.settling:_over_there",
        always(0.0),
        "tests/faults/test_clocks.py::TestADoubtRestsByBothClocks::test_ours_was_set_while_the_batch_was_under_way",
    ),
    "creates again what may have been created": Mistake(
        "engine.plan:in_doubt_block",
        always(None),
        f"{DOUBTFUL}::test_while_it_is_not_to_be_seen_every_way_to_apply_leaves_it_and_says_what_to_do",
    ),
    "sends more than 200 customers in one request": Mistake(
        "expoints.sending:batches",
        lambda _: lambda recipients: (tuple(recipients),),
        f"{OUTCOMES}::test_more_than_200_customers_go_in_several_requests_in_the_order_of_the_files",
    ),
    "does not ask for the proof again right before it sends": Mistake(
        "commands.expoints:ExpointsSession.check",
        always(()),
        f"{REFUSALS}::test_right_before_sending_the_proof_is_asked_for_again",
    ),
    "matches recipients with a plain pattern over the whole text": Mistake(
        "expoints.seed:matches",
        lambda _: (
            lambda address, patterns: any(fnmatchcase(address.lower(), one.lower()) for one in patterns)
        ),
        "tests/expoints/test_recipients.py::test_a_star_stands_for_anything_before_the_at",
    ),
    "waits on after an interrupt": Mistake(
        "commands.environment:CuttableClock.cut",
        always(None),
        "tests/faults/test_interrupts.py::test_a_run_that_is_interrupted_ends_soon_and_as_the_table_says",
    ),
    "shows what stands in a cell of a contact file": Mistake(
        "contacts.rows:shape_of",
        lambda _: lambda text: text,
        "tests/commands/test_check.py::test_no_content_of_a_cell_is_shown_and_no_folder_of_a_person",
    ),
}
