"""Broken engines: each one a mistake that could be made, and the test that is there to catch it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one file under which one named test has to fail."""

    mistake: str
    """What the broken tool does, as a sentence about it."""
    file: str
    old: str
    """Stands exactly once in the file."""
    new: str
    test: str

    def __str__(self) -> str:
        return self.mistake


APPLY = "tests/engine/test_apply.py"
BODY = "tests/engine/test_body.py"
CLASSIFY = "tests/engine/test_classify.py"
PLANNING = "tests/engine/test_planning.py"
CLIENT = "tests/checkmarket/test_client.py"
LISTING = "tests/checkmarket/test_client_listing.py"
FAILURES = "tests/http/test_failures.py"
REVIEW = "tests/engine/test_review.py"
PLAN_FILES = "tests/commands/test_plan_files.py"
REVIEWED_SEEDS = "tests/commands/test_reviewed_seeds.py"
SINCE = "tests/commands/test_since.py"
READING = "tests/planfile/test_reading.py"
FORMS = "tests/properties/test_forms.py"
TELLING = "tests/engine/test_tell_apart.py"
ACCEPTED = "tests/engine/test_accepted.py"
ACCEPTANCE = "tests/config/test_acceptance.py"
ACROSS = "tests/commands/test_across.py"
STATUS = "tests/commands/test_status.py"
METRICS = "tests/render/test_metrics.py"
REQUESTS = "tests/http/test_requests.py"

WHAT_IS_SENT = (
    Mutant(
        "drops what is kept",
        "engine/classify.py",
        "elif view.cls is FieldClass.KEPT and live is not None:",
        "elif view.cls is FieldClass.KEPT and live is None:",
        f"{CLASSIFY}::test_a_group_keeps_what_is_kept_and_loses_what_is_reset",
    ),
    Mutant(
        "drops what is kept and empty, which resets it",
        "engine/classify.py",
        "elif view.cls is FieldClass.KEPT and live is not None:",
        "elif view.cls is FieldClass.KEPT and live is not None and view.after is not None:",
        f"{CLASSIFY}::test_a_kept_field_that_is_empty_is_sent_empty_because_leaving_it_out_would_reset_it",
    ),
    Mutant(
        "sends what is kept as it was planned instead of as it was just read",
        "engine/apply.py",
        "body = desired(self.account.kind, _declaration(change), views, live)",
        "body = desired(self.account.kind, _declaration(change), change.fields, _live(change))",
        f"{APPLY}::test_a_kept_value_that_moved_is_sent_as_just_read_and_mentioned",
    ),
    Mutant(
        "leaves the visibility flag out",
        "engine/classify.py",
        "    for view in views:\n",
        "    for view in (view for view in views if view.path != kind.visible_field):\n",
        f"{CLASSIFY}::test_the_visibility_flag_is_always_in_the_body",
    ),
    Mutant(
        "does not carry members that it does not know",
        "engine/classify.py",
        "in unknown_members(kind, live or {}):",
        "in unknown_members(kind, {}):",
        f"{CLASSIFY}::test_members_that_the_model_does_not_know_are_carried_and_the_servers_own_are_not",
    ),
    Mutant(
        "sends the server's own members",
        "engine/body.py",
        " | kind.server_members",
        "",
        f"{CLASSIFY}::test_members_that_the_model_does_not_know_are_carried_and_the_servers_own_are_not",
    ),
    Mutant(
        "sends the name as a parameter, which makes a rename of an update",
        "checkmarket/client.py",
        'self._api.request("PUT", _path(id), json=dict(body))',
        'self._api.request("PUT", _path(id), params={"name": str(body.get("Name"))}, json=dict(body))',
        f"{CLIENT}::TestReplace::test_the_name_is_never_in_the_query_for_that_would_rename",
    ),
)

WHEN_IT_IS_SENT = (
    Mutant(
        "does not read again before it writes",
        "engine/apply.py",
        "live = self.writer.read(_id(change))\n        if live is None:\n            return _stale",
        "live = _live(change)\n        if live is None:\n            return _stale",
        f"{APPLY}::test_a_change_of_a_set_or_reset_field_since_the_plan_is_stale",
    ),
    Mutant(
        "overwrites what changed since the plan",
        "engine/apply.py",
        "        if moved:\n"
        "            return _stale(change, f\"changed since the plan: {', '.join(moved)}\")\n"
        "        body = ",
        "        body = ",
        f"{APPLY}::test_a_change_of_a_set_or_reset_field_since_the_plan_is_stale",
    ),
    Mutant(
        "deletes what changed since the plan",
        "engine/apply.py",
        "        if moved:\n"
        "            return _stale(change, f\"changed since the plan: {', '.join(moved)}\")\n"
        "        self._intend",
        "        self._intend",
        f"{APPLY}::test_what_changed_since_the_plan_is_not_deleted",
    ),
    Mutant(
        "creates a name that appeared since the plan",
        "engine/apply.py",
        "if name in self._names_before():",
        "if name in {}:",
        f"{APPLY}::test_a_name_that_appeared_since_the_plan_is_not_created_a_second_time",
    ),
    Mutant(
        "creates again when the answer is lost",
        "engine/apply.py",
        "        except Exception as error:  # noqa: BLE001  # see `_lost`\n            lost = _lost(error)\n"
        "        return self._look(Attempt(change, change.fields, self.clock.monotonic(), id, lost))",
        "        except NoAnswer:\n            id = self.writer.create(body)\n"
        "        return self._look(Attempt(change, change.fields, self.clock.monotonic(), id, lost))",
        f"{APPLY}::test_a_create_that_left_no_trace_is_in_doubt_and_not_repeated",
    ),
    Mutant(
        "repeats a lost PUT although the new read failed",
        "engine/apply.py",
        "end.lost and end.as_before:",
        "end.lost:",
        f"{APPLY}::test_a_lost_put_is_not_repeated_where_the_new_read_failed",
    ),
    Mutant(
        "repeats a POST whose answer is lost",
        "http/api.py",
        "        if call.reads:\n",
        '        if call.reads or call.method == "POST":\n',
        f"{FAILURES}::test_each_failure_ends_as_the_table_says",
    ),
    Mutant(
        "goes on after a 401",
        "engine/apply.py",
        "if isinstance(error, _HOPELESS):",
        "if isinstance(error, ()):",
        f"{APPLY}::test_after_lost_rights_or_allowance_nothing_further_is_begun",
    ),
    Mutant(
        "does not write down what it overwrites",
        "engine/apply.py",
        "        self.journal.intent(change, overwritten, body)\n",
        "",
        f"{APPLY}::test_the_journal_holds_the_body_about_to_be_overwritten_before_the_write",
    ),
)

WHAT_IS_BELIEVED = (
    Mutant(
        "takes any 200 for a success",
        "checkmarket/envelope.py",
        'if isinstance(envelope.data, dict) and envelope.data.get("Succeeded") is True:',
        "if isinstance(envelope.data, dict):",
        f"{CLIENT}::TestReplace::test_an_answer_that_says_neither_yes_nor_no_is_in_doubt_and_not_repeated",
    ),
    Mutant(
        "does not notice a refusal in a 200",
        "checkmarket/envelope.py",
        'if self.data.get("Succeeded") is False or message:',
        "if self.data is None:",
        f"{CLIENT}::TestReplace::test_a_refusal_says_why",
    ),
    Mutant(
        "stops at the first page of a list",
        "checkmarket/listing.py",
        "if totals == {len(rows)}:",
        "if rows:",
        f"{LISTING}::test_pages_are_followed_by_what_came_back",
    ),
    Mutant(
        "takes a list that is cut short for a whole one",
        "checkmarket/listing.py",
        "return _Reading(rows, whole=totals <= {len(rows)})",
        "return _Reading(rows, whole=True)",
        f"{LISTING}::test_a_list_that_is_not_proven_to_be_whole_is_an_error",
    ),
    Mutant(
        "takes a failed list for an empty one",
        "checkmarket/client.py",
        "        return read_list(self._api, _CONFIGS, [_CONFIG_ID], each)",
        "        try:\n            return read_list(self._api, _CONFIGS, [_CONFIG_ID], each)\n"
        "        except BadAnswer:\n            return ()",
        f"{LISTING}::test_anything_else_is_a_bad_answer_and_no_empty_list",
    ),
    Mutant(
        "does not look whether a write arrived",
        "engine/apply.py",
        "return conclude(self.account, seen, body, last=last) or seen",
        "return seen.ended(Result.APPLIED)",
        f"{APPLY}::test_a_value_that_was_accepted_and_not_stored_is_a_failure",
    ),
    Mutant(
        "calls a write applied that still reads as before",
        "engine/conclude.py",
        "return _unmoved(account, attempt, seen) if last else None",
        "return _applied(account, attempt, seen) if last else None",
        f"{APPLY}::test_a_read_back_that_equals_the_old_body_when_patience_ends_is_in_doubt",
    ),
    Mutant(
        "has no patience with a slow cache",
        "engine/apply.py",
        "last = self._is_over(attempt)",
        "last = True",
        f"{APPLY}::test_a_slow_cache_is_waited_for",
    ),
    Mutant(
        "calls a lost PUT not begun because its repetition failed",
        "engine/apply.py",
        "            self._stop_if_hopeless(error)\n            return attempt\n",
        "            raise\n",
        f"{APPLY}::test_a_lost_put_stays_in_doubt_however_its_repetition_fails",
    ),
    Mutant(
        "says that all went well where only a part did",
        "engine/outcome.py",
        "partly = [Exit.PARTLY] if",
        "partly = [Exit.DONE] if",
        f"{APPLY}::test_the_gravest_end_is_what_the_run_says",
    ),
)

WHAT_IS_MEANT = (
    Mutant(
        "takes the first of two that have one name",
        "engine/identity.py",
        "if len(found) > 1:",
        "if len(found) > 2:",
        f"{PLANNING}::test_two_live_ones_of_one_name_are_not_chosen_from",
    ),
    Mutant(
        "creates again what is not found by its id",
        "engine/identity.py",
        "if live or declared.absent:",
        "if live or not declared.absent:",
        f"{PLANNING}::test_an_id_that_is_not_there_is_not_created_again",
    ),
    Mutant(
        "lets two keys share one live resource",
        "engine/identity.py",
        "if len(keys) > 1",
        "if len(keys) > 2",
        f"{PLANNING}::test_two_keys_never_meet_on_one_live_one",
    ),
    Mutant(
        "prunes what a blocked resource may mean",
        "engine/planning.py",
        "if live.id not in ids and live.name not in names",
        "if live.id not in ids",
        f"{PLANNING}::test_candidates_of_an_ambiguous_name_are_not_unmanaged",
    ),
    Mutant(
        "compares times by their text",
        "checkmarket/kind.py",
        "normal=_NORMAL.get(path, as_it_is)",
        "normal=as_it_is",
        f"{FORMS}::test_a_time_is_the_same_time_in_every_form",
    ),
    Mutant(
        "tells false from nothing on an account that shows no false",
        "engine/body.py",
        "return cls(kind, any(_shows_empties(kind, body) for body in bodies))",
        "return cls(kind, True)",
        f"{BODY}::test_false_and_zero_are_nothing_until_the_account_shows_an_explicit_one",
    ),
    Mutant(
        "never tells false from nothing",
        "engine/body.py",
        "return cls(kind, any(_shows_empties(kind, body) for body in bodies))",
        "return cls(kind, False)",
        f"{BODY}::test_false_and_zero_are_nothing_until_the_account_shows_an_explicit_one",
    ),
)

WHAT_IS_ALLOWED = (
    Mutant(
        "resets without consent",
        "engine/planning.py",
        "    if wanted <= allowed:\n",
        "    if wanted >= 0:\n",
        f"{PLANNING}::test_resets_without_consent_block_the_resource_and_name_every_field_while_others_go_on",
    ),
    Mutant(
        "takes a preset's word for consent",
        "engine/classify.py",
        "consented=bool(ruling and ruling.own)",
        "consented=bool(ruling)",
        f"{CLASSIFY}::test_only_the_resource_itself_consents_to_a_reset",
    ),
    Mutant(
        "applies a share of fewer than ten",
        "engine/limits.py",
        "SHARE_COUNTS_FROM = 10",
        "SHARE_COUNTS_FROM = 9",
        f"{PLANNING}::test_a_share_counts_from_ten_live_ones_on",
    ),
    Mutant(
        "counts blocked resources as updates",
        "engine/planning.py",
        "lambda change: change.action is Action.UPDATE, _updates_block(limited, scope, live)",
        "lambda change: change.action is Action.UPDATE, _updates_block(verdicts, scope, live)",
        f"{PLANNING}::test_resources_that_are_blocked_do_not_count_as_updates",
    ),
    Mutant(
        "hides every resource where one may be hidden",
        "engine/planning.py",
        "change.key not in may_hide",
        "not may_hide",
        f"{PLANNING}::test_a_flag_for_another_key_does_not_allow_hiding",
    ),
    Mutant(
        "deletes beyond the limit",
        "engine/planning.py",
        "    if allowed is None or wanted <= allowed:\n        return None\n"
        '    block = Block(\n        "too-many-deletes"',
        '    if wanted:\n        return None\n    block = Block(\n        "too-many-deletes"',
        f"{PLANNING}::test_prune_deletes_within_the_limit_only",
    ),
    Mutant(
        "leaves what is overwritten out of the digest",
        "engine/plan.py",
        "[view.path, view.cls, view.before, self._end_of(view)]",
        "[view.path, view.cls, self._end_of(view)]",
        f"{PLANNING}::TestDigest::test_another_value_set_overwritten_or_reset_is_another_change",
    ),
    Mutant(
        "counts what is kept in the digest",
        "engine/plan.py",
        "return self._digest_over(self._bound)\n",
        "return self._digest_over(self.fields)\n",
        f"{PLANNING}::TestDigest::test_what_is_kept_or_carried_does_not_count",
    ),
)

WHAT_IS_REVIEWED = (
    Mutant(
        "applies what nobody reviewed",
        "engine/review.py",
        "        if self.covers(change):\n",
        "        if change:\n",
        f"{REVIEW}::test_exactly_what_was_reviewed_is_left_to_do",
    ),
    Mutant(
        "lets what was not reviewed keep back what was",
        "engine/planning.py",
        "return alone if len(alone.changes) > len(part.changes) else part",
        "return part",
        f"{REVIEW}::test_what_was_not_reviewed_does_not_keep_back_what_was",
    ),
    Mutant(
        "lets limits pass what was reviewed",
        "engine/planning.py",
        "part, alone = reviewed(whole, review), draft.plan(apart)",
        "part, alone = whole, Plan(scope, account, tuple(v for v in verdicts if isinstance(v, Change)))",
        f"{REVIEW}::test_what_is_blocked_stays_blocked_whatever_was_reviewed",
    ),
    Mutant(
        "takes a plan file for consent",
        "commands/planning.py",
        "self.inventory, consent, review, self.others",
        "self.inventory, replace(consent, resets=None) if review else consent, review, self.others",
        f"{PLAN_FILES}::test_a_plan_file_lifts_no_limit",
    ),
    Mutant(
        "forgets which part of the files a plan file is about",
        "commands/reviewing.py",
        "within=self._parts",
        "within=()",
        f"{PLAN_FILES}::TestAPartOfTheFiles::test_is_applied_and_nothing_is_said_of_the_rest",
    ),
    Mutant(
        "lets a plan file leave out what it would change itself",
        "commands/reviewing.py",
        "    if left:\n",
        "    if False:\n",
        f"{PLAN_FILES}::TestAPartOfTheFiles::"
        "test_that_somebody_made_too_small_for_what_was_reviewed_is_refused",
    ),
    Mutant(
        "carries out the whole of a plan file where a part of it is asked for",
        "commands/workspace.py",
        "return self.within if own == Part() else (*self.within, own)",
        "return self.within or (() if own == Part() else (own,))",
        f"{PLAN_FILES}::TestAPartOfTheFiles::test_gets_smaller_and_never_larger_by_a_selection_beside_it",
    ),
    Mutant(
        "calls what nobody reviewed refused",
        "engine/plan.py",
        "{UNREVIEWED: Exit.STALE, ",
        "{",
        f"{REVIEW}::test_an_apply_says_what_was_not_reviewed_and_is_stale",
    ),
    Mutant(
        "forgets a review when the account shows its first false",
        "engine/review.py",
        " or change.lenient_digest in self.lenient",
        "",
        f"{REVIEW}::test_what_was_reviewed_stays_so_when_the_account_shows_its_first_false",
    ),
    Mutant(
        "takes every false for nothing in a review",
        "engine/review.py",
        "change.lenient_digest in self.lenient",
        "change.lenient_digest in self.digests",
        f"{REVIEW}::test_where_false_is_not_nothing_a_review_without_it_is_none_with_it",
    ),
    Mutant(
        "ignores the account of a plan file",
        "commands/reviewing.py",
        "        if planned != here:\n",
        "        if not planned:\n",
        f"{PLAN_FILES}::test_a_plan_for_another_account_is_refused_before_anything_is_asked",
    ),
    Mutant(
        "ignores that another target is named than that of the file",
        "commands/reviewing.py",
        "if selection.target not in (None, file.target):",
        "if selection.target and not file.target:",
        f"{PLAN_FILES}::test_another_target_than_that_of_the_file_is_refused",
    ),
    Mutant(
        "forgets all but the first of several plan files",
        "commands/reviewing.py",
        "joined([file.review for file in self.files])",
        "self.files[0].review",
        f"{PLAN_FILES}::test_several_files_bind_to_what_any_of_them_holds",
    ),
    Mutant(
        "takes a leniency of one plan file for that of all",
        "engine/review.py",
        "        frozenset().union(*(review.lenient for review in reviews)),\n    )",
        "        frozenset().union(*(review.digests for review in reviews)),\n    )",
        f"{REVIEW}::test_several_reviews_cover_what_any_of_them_covers_and_each_is_as_lenient_as_it_was",
    ),
    Mutant(
        "lets any later run of GitHub end one that may be alive",
        "journal/holding.py",
        "now[1] == before[1] and int",
        "int",
        "tests/journal/test_holding.py::test_no_other_run_is_dead_before_it_is_silent",
    ),
    Mutant(
        "believes a plan file that was changed",
        "planfile/reading.py",
        "if document.fingerprint != fingerprint_of(document.names):",
        "if not document.fingerprint:",
        f"{READING}::test_a_plan_that_was_changed_after_it_was_made_is_refused",
    ),
    Mutant(
        "sends a seed that nobody reviewed",
        "expoints/review.py",
        "plan.digest in review.digests:",
        "plan.digest:",
        f"{REVIEWED_SEEDS}::test_a_new_seed_is_not_sent_and_the_reviewed_one_is",
    ),
    Mutant(
        "forgets the bytes of a customer file",
        "expoints/seed.py",
        "self.batch_digest, self.table]",
        "self.batch_digest]",
        f"{REVIEWED_SEEDS}::test_the_bytes_of_a_customer_file_are_reviewed",
    ),
    Mutant(
        "takes a blocked seed for a reviewed one",
        "expoints/planning.py",
        "for plan in self.seeds if not plan.blocks)",
        "for plan in self.seeds)",
        f"{REVIEWED_SEEDS}::test_a_plan_that_a_seed_blocks_is_no_review_of_that_seed",
    ),
    Mutant(
        "writes before it has looked at the account",
        "commands/carrying.py",
        "                check_account(session)\n",
        "",
        f"{REVIEWED_SEEDS}::test_the_account_is_looked_at_before_a_seed_is_sent",
    ),
    Mutant(
        "forgets what an earlier run had reviewed",
        "commands/reviewing.py",
        "if run.start.fingerprint == fingerprint]",
        "if not fingerprint]",
        f"{PLAN_FILES}::TestFingerprints::test_the_journal_knows_the_fingerprint_of_a_run_that_ended_half_way",
    ),
    Mutant(
        "sends a seed by its second plan without a review",
        "commands/sending.py",
        "plan = reviewed_seeds(plan, agreed.review) if agreed.review else plan",
        "plan = plan if agreed.review else plan",
        f"{REVIEWED_SEEDS}::test_a_new_seed_is_not_sent_and_the_reviewed_one_is",
    ),
    Mutant(
        "sends by hand before it has looked at the account",
        "commands/seeds.py",
        "        check_account(opened.session)\n",
        "",
        f"{REVIEWED_SEEDS}::test_the_account_is_looked_at_before_a_seed_is_sent",
    ),
    Mutant(
        "reads again what it has read, to look back",
        "engine/remembering.py",
        "        if id not in self._bodies:\n",
        "        if id:\n",
        f"{SINCE}::test_the_state_that_was_read_is_not_read_again",
    ),
    Mutant(
        "takes what a limit of before forbade for caused",
        "engine/since.py",
        "[*plan.digests, *blocked, *seeds]",
        "[*plan.digests, *seeds]",
        f"{SINCE}::test_a_limit_makes_nothing_caused_that_was_pending",
    ),
)

WHAT_IS_TOLD = (
    Mutant(
        "takes what the server made of a value for somebody's change",
        "engine/tell_apart.py",
        "bodies = (self.last.after, None",
        "bodies = (self.last.sent, None",
        f"{TELLING}::test_what_the_server_made_of_it_is_nobodys_change",
    ),
    Mutant(
        "takes a write in doubt for one that was carried out",
        "engine/tell_apart.py",
        "None if self.last.is_sure else self.last.before)",
        "None)",
        f"{TELLING}::test_a_write_in_doubt_explains_both_what_it_overwrote_and_what_it_sent",
    ),
    Mutant(
        "takes a false that is shown for the first time for a change",
        "engine/tell_apart.py",
        "strict and Normal.of(kind, [body]).explicit_empties",
        "strict",
        f"{TELLING}::test_a_false_that_an_answer_left_out_is_nobodys_change",
    ),
    Mutant(
        "judges a resource by the past of another one",
        "engine/tell_apart.py",
        "if found and found.id == entry.id else None",
        "if found else None",
        f"{TELLING}::test_a_write_of_another_resource_under_the_key_says_nothing",
    ),
    Mutant(
        "counts who brought about a change into its digest",
        "engine/plan.py",
        "[view.path, view.cls, view.before, self._end_of(view)]",
        "[view.path, view.cls, view.drift, view.before, self._end_of(view)]",
        f"{TELLING}::test_words_never_change_what_is_done",
    ),
    Mutant(
        "overwrites what is accepted",
        "engine/classify.py",
        "views = [_tolerated(account, declared, view, live, listed=listed) for view in views]",
        "views = list(views)",
        f"{ACCEPTED}::test_its_live_value_is_in_the_body_beside_what_changes",
    ),
    Mutant(
        "believes a default that only the files state",
        "engine/classify.py",
        "return replace(view, differs=True)",
        "return view",
        f"{CLASSIFY}::test_a_default_that_is_only_stated_hides_no_reset",
    ),
    Mutant(
        "leaves what is accepted out of a create",
        "engine/classify.py",
        "if accepted is None or live is None:",
        "if accepted is None:",
        f"{ACCEPTED}::test_a_create_has_nothing_to_accept",
    ),
    Mutant(
        "ends an acceptance a day early",
        "config/acceptance.py",
        "if one.until >= today}",
        "if one.until > today}",
        f"{ACCEPTANCE}::test_its_last_day_is_a_day_of_the_workspace",
    ),
    Mutant(
        "lets an acceptance of the resource outlast what a target says",
        "config/resources.py",
        "for path, one in accepted.items() if path not in level.decisions}",
        "for path, one in accepted.items()}",
        f"{ACCEPTANCE}::test_it_holds_over_its_own_level_and_weaker_ones",
    ),
    Mutant(
        "goes on to the next target after an interrupt",
        "commands/across.py",
        "is_begun=not interrupted.is_set()",
        "is_begun=True",
        f"{ACROSS}::test_after_an_interrupt_no_other_target_is_begun_and_what_was_done_is_told",
    ),
    Mutant(
        "lets the failure of one target end the others",
        "commands/across.py",
        "        except ReconcilerError as error:\n            return self._failed(error.exit, str(error))\n",
        "",
        f"{ACROSS}::test_the_failure_of_one_leaves_the_others_whole",
    ),
    Mutant(
        "writes ids by files as they were before an earlier target wrote into them",
        "commands/write_ids.py",
        "workspace = open_workspace(Selection(session.workspace.folder), session.outside)",
        "workspace = session.workspace",
        f"{ACROSS}::TestIds::test_each_target_writes_its_own_into_the_same_file",
    ),
)

WHAT_IS_COUNTED = (
    Mutant(
        "counts seeds of a journal that cannot be read as none",
        "commands/status.py",
        """        if memory.trouble is not None:
            return
        with tenant_when_asked""",
        """        if memory.trouble is not None:
            self.seeds = _seeds(SeedsPlan())
            return
        with tenant_when_asked""",
        f"{STATUS}::test_a_journal_that_cannot_be_read_is_said_and_its_figures_are_left_out",
    ),
    Mutant(
        "calls a write in doubt that what is live has settled long ago",
        "commands/status.py",
        "sum(key in differing and run not in at_work",
        "sum(run not in at_work",
        f"{STATUS}::test_a_change_in_doubt_counts_until_what_is_live_is_as_declared",
    ),
    Mutant(
        "calls a write in doubt that is just being made",
        "commands/status.py",
        "sum(key in differing and run not in at_work",
        "sum(key in differing",
        f"{STATUS}::test_what_a_run_that_lives_is_just_writing_is_not_in_doubt",
    ),
    Mutant(
        "gives a figure that is unknown as zero",
        "render/metrics.py",
        "        if value is not None:\n            yield",
        "        value = value or 0\n        if value is not None:\n            yield",
        f"{METRICS}::test_what_is_unknown_is_left_out_and_is_not_zero",
    ),
)
WHAT_IS_LOGGED = (
    Mutant(
        "logs the addresses that a tenant is asked about",
        "http/api.py",
        """    texts = sum(isinstance(one, str) for one in value)
""",
        """    texts = 0
""",
        f"{REQUESTS}::test_a_query_is_told_without_its_texts",
    ),
    Mutant(
        "logs a secret that a server calls a request by",
        "http/api.py",
        "if _ID.fullmatch(found) and not shows_secret else",
        "if _ID.fullmatch(found) else",
        f"{REQUESTS}::test_the_servers_id_is_told_where_it_is_one_and_nothing_else",
    ),
)

MUTANTS = (
    *(*WHAT_IS_TOLD, *WHAT_IS_COUNTED, *WHAT_IS_LOGGED),
    *(*WHAT_IS_SENT, *WHEN_IT_IS_SENT, *WHAT_IS_BELIEVED, *WHAT_IS_MEANT, *WHAT_IS_ALLOWED),
    *WHAT_IS_REVIEWED,
)
