"""Broken ways to send a seed: each a mistake that could be made, and the test that is there to catch it."""

from __future__ import annotations

from tests.mutants.mutants import Mutant

KILLED = "tests/seeds/test_killed.py"
ONCE = "tests/seeds/test_once.py"
OUTCOMES = "tests/seeds/test_outcomes.py"
REFUSALS = "tests/seeds/test_refusals.py"
SETTLING = "tests/seeds/test_settling.py"
BOTH_CLOCKS = "tests/faults/test_clocks.py::TestADoubtRestsByBothClocks"
WRONG = "tests/hostile/test_wrong_memory.py"
RECIPIENTS = "tests/expoints/test_recipients.py"

_POST = "        try:\n            self.client.add(batch.body, posting)\n        except ApiError as error:\n"

MUTANTS = (
    Mutant(
        "posts before the intent is written down",
        "expoints/sending.py",
        "            number = self.ledger.intend(",
        "            self.client.add(batch.body)\n            number = self.ledger.intend(",
        f"{KILLED}::test_killed_around_the_batch_the_next_apply_is_in_doubt",
    ),
    Mutant(
        "writes down that a batch was sent before it is posted",
        "expoints/sending.py",
        _POST,
        f"        self._conclude(number, begun, Standing.SENT)\n{_POST}",
        f"{KILLED}::test_killed_around_the_batch_the_next_apply_is_in_doubt",
    ),
    Mutant(
        "posts a batch again after a 503",
        "expoints/sending.py",
        _POST,
        "        try:\n            try:\n                self.client.add(batch.body)\n"
        "            except NoAnswer:\n                self.client.add(batch.body)\n"
        "        except ApiError as error:\n",
        f"{OUTCOMES}::test_what_is_in_doubt_rests_before_it_is_counted",
    ),
    Mutant(
        "takes a 503 for a refusal",
        "expoints/sending.py",
        "Standing.IN_DOUBT, note)",
        "Standing.NOT_SENT, note)",
        f"{OUTCOMES}::test_what_is_in_doubt_rests_before_it_is_counted",
    ),
    Mutant(
        "takes a page of HTML for a batch that was taken",
        "expoints/answers.py",
        "if answer.status in (200, 201, 202, 204) and _is_empty_or_json(answer):",
        "if answer.status in (200, 201, 202, 204):",
        f"{OUTCOMES}::test_what_is_in_doubt_rests_before_it_is_counted",
    ),
    Mutant(
        "takes absence for proof before a doubt has rested",
        "expoints/settling.py",
        "return self.clock.now() >= over(delivery) + self.settle_after",
        "return True",
        f"{OUTCOMES}::test_what_is_in_doubt_rests_before_it_is_counted",
    ),
    Mutant(
        "believes this machine's clock alone that a doubt has rested",
        "expoints/settling.py",
        "if count.customers != delivery.baseline or not self._has_rested_there(delivery, count):",
        "if count.customers != delivery.baseline:",
        f"{BOTH_CLOCKS}::test_ours_was_set_forward",
    ),
    Mutant(
        "believes that time has passed for a tenant that does not tell it",
        "expoints/settling.py",
        "return end is not None and counted.at is not None and",
        "return end is None or counted.at is None or",
        f"{BOTH_CLOCKS}::test_the_tenant_does_not_tell_the_time",
    ),
    Mutant(
        "takes the time of an answer that a cache may have kept for that of a batch",
        "expoints/sending.py",
        "self.client.count_nobody().at",
        "self.client.server_time()",
        f"{BOTH_CLOCKS}::test_a_cache_on_the_way_tells_the_time_of_an_earlier_question",
    ),
    Mutant(
        "believes a count that a cache has kept",
        "expoints/settling.py",
        "counted.at >= end + self.settle_after",
        "(self.client.count_nobody().at or 0.0) >= end + self.settle_after",
        f"{BOTH_CLOCKS}::test_a_cache_on_the_way_tells_a_count_of_before_the_batch",
    ),
    Mutant(
        "forgets for how long a batch was under way by the clock of the tenant",
        "expoints/explained.py",
        "return delivery.server_since if known else delivery.server_at + LONGEST_POST",
        "return delivery.server_at",
        f"{KILLED}::test_killed_before_the_batch_it_rests_so_long_by_the_clock_of_the_tenant_too",
    ),
    Mutant(
        "believes this machine's clock alone that an earlier batch was in a count",
        "expoints/settling.py",
        " and end + rest <= at",
        "",
        f"{BOTH_CLOCKS}::test_an_earlier_batch_is_not_in_a_count_because_ours_was_set_forward",
    ),
    Mutant(
        "takes the request of a killed process for over at once",
        "expoints/explained.py",
        "known = delivery.standing is not Standing.INTENDED and delivery.since",
        "known = delivery.since",
        f"{KILLED}::test_killed_around_the_batch_it_rests_for_the_longest_request_too",
    ),
    Mutant(
        "takes absence for proof where a person has to approve",
        "expoints/settling.py",
        "return is_same_address and self._is_automatic(delivery.contents)",
        "return is_same_address",
        f"{OUTCOMES}::test_a_batch_that_waits_for_a_person_is_never_settled_by_counting",
    ),
    Mutant(
        "counts for the spelling of today what was sent to another one",
        "expoints/settling.py",
        "return is_same_address and self._is_automatic(delivery.contents)",
        "return self._is_automatic(delivery.contents)",
        f"{SETTLING}::test_another_spelling_is_not_counted_for_the_one_that_was_sent",
    ),
    Mutant(
        "takes the customers of an earlier batch for those of a lost one",
        "expoints/settling.py",
        "and not self._is_confusable(doubt, suspects)",
        "",
        f"{SETTLING}::TestAnEarlierBatch::test_of_the_round_before",
    ),
    Mutant(
        "forgets a delivery once another one counts in its place",
        "expoints/planning.py",
        "past, is_automatic = self.ledger.past(self.account),",
        "past, is_automatic = [d for seed in seeds for d in self._deliveries(seed)],",
        f"{SETTLING}::TestAnEarlierBatch::test_of_the_same_round_when_its_content_changed",
    ),
    Mutant(
        "takes what waits for approval for settled",
        "expoints/settling.py",
        "return is_visible and (is_final or not is_known)",
        "return is_visible",
        f"{SETTLING}::TestAnEarlierBatch::test_that_somebody_approves_by_hand_may_turn_up_whenever_they_like",
    ),
    Mutant(
        "takes the customers of a later batch for those of a lost one",
        "expoints/settling.py",
        "return delivery.batch < self._latest.get(delivery.mailbox, 0)",
        "return False",
        f"{SETTLING}::TestALaterBatch::test_whose_customers_are_gone_while_those_of_the_lost_one_are_there",
    ),
    Mutant(
        "believes that only equal addresses are counted",
        "expoints/settling.py",
        "return address is None or _contains(address, email)",
        "return address == email",
        f"{SETTLING}::TestALaterBatch::test_to_an_address_that_contains_the_lost_one",
    ),
    Mutant(
        "sends the rest of a batch of which some have appeared",
        "expoints/settling.py",
        "            if is_lost:",
        "            if count.customers == doubt.delivery.baseline:",
        f"{SETTLING}::TestTheSameBatch::test_of_which_some_have_appeared_was_not_lost",
    ),
    Mutant(
        "forgets that some of a batch have appeared",
        "expoints/settling.py",
        "d.standing is Standing.SENT for d in batch",
        "d.standing is Standing.SENT for d in batch[:0]",
        f"{SETTLING}::TestTheSameBatch::test_of_which_some_appeared_at_an_earlier_look_was_not_lost",
    ),
    Mutant(
        "counts a mailbox once that was sent to twice in a batch",
        "expoints/settling.py",
        "added = sum(d.mailbox == doubt.delivery.mailbox for d in batch)",
        "added = 1",
        f"{SETTLING}::TestTheSameBatch::test_to_one_mailbox_twice_counts_twice",
    ),
    Mutant(
        "believes a tenant that counts everybody for anybody",
        "expoints/settling.py",
        "if not doubts or self._counts_anybody():",
        "if not doubts:",
        f"{SETTLING}::test_a_tenant_that_counts_everybody_for_anybody_settles_nothing",
    ),
    Mutant(
        "takes a mailbox that it found for one that it knows",
        "expoints/explained.py",
        "if delivery.standing is not Standing.FOUND:",
        "if delivery:",
        f"{SETTLING}::TestALostJournal::test_another_seed_of_a_mailbox_is_found_too",
    ),
    Mutant(
        "does not look again for customers of a lost journal right before it sends",
        "expoints/sending.py",
        "judged = [seen.judged(standee) for standee in standees]",
        "judged = list(standees)",
        f"{WRONG}::test_who_is_found_between_plan_and_sending_is_not_sent_to",
    ),
    Mutant(
        "does not write down what counting has settled",
        "commands/sending.py",
        "    for settled in plan.settled:",
        "    for settled in plan.settled[:0]:",
        f"{OUTCOMES}::test_a_batch_that_left_no_customers_is_sent_after_its_rest",
    ),
    Mutant(
        "goes on after its rights are lost",
        "expoints/sending.py",
        "refused=size, notes=notes, exit=error.exit, stops=stops)",
        "refused=size, notes=notes, exit=error.exit, stops=False)",
        f"{OUTCOMES}::test_lost_rights_and_allowance_stop_the_next_request",
    ),
    Mutant(
        "does not count test customers",
        "expoints/client.py",
        '{"IncludeTestRecords": True}',
        "{}",
        f"{ONCE}::test_without_its_journal_nothing_is_sent_and_the_customers_are_found",
    ),
    Mutant(
        "sends to mailboxes that it found",
        "expoints/planning.py",
        "seen.judged(s) if s.is_due else s",
        "s",
        f"{ONCE}::test_without_its_journal_nothing_is_sent_and_the_customers_are_found",
    ),
    Mutant(
        "believes a refusal without a count",
        "expoints/sending.py",
        "doubt = posting.doubt() if posting.is_answered and",
        "doubt = posting.doubt() if not posting.is_answered and",
        f"{WRONG}::test_a_refusal_that_cannot_be_counted_is_in_doubt",
    ),
    Mutant(
        "sends a refused batch again at once",
        "expoints/standing.py",
        "case Standing.REFUSED if rests(delivery):",
        "case Standing.REFUSED if not delivery:",
        f"{WRONG}::test_a_refusal_rests_before_it_is_sent_again",
    ),
    Mutant(
        "believes a number though a customer is gone",
        "expoints/settling.py",
        "set(known) == set(now)",
        "len(known) == len(now)",
        f"{WRONG}::test_a_customer_who_is_gone_hides_nobody_who_came",
    ),
    Mutant(
        "takes a renamed seed for a new one",
        "expoints/planning.py",
        "and one.seed not in self.keys",
        "and not one.seed",
        f"{WRONG}::test_a_seed_that_was_renamed_waits_for_the_line_that_says_so",
    ),
    Mutant(
        "ignores the round",
        "expoints/standing.py",
        "latest = {(d.round, d.customer): d for d in deliveries}",
        "latest = {(seed.round, d.customer): d for d in deliveries}",
        f"{ONCE}::test_a_new_round_sends_again_and_an_old_one_does_not_come_back",
    ),
    Mutant(
        "sends by itself what is sent by hand",
        "expoints/standing.py",
        "() if self.blocks or self.seed.send is Send.BY_HAND else",
        "() if self.blocks else",
        f"{ONCE}::test_apply_never_sends_what_is_sent_by_hand",
    ),
    Mutant(
        "forgets what was sent under a key that moved",
        "expoints/planning.py",
        "(self.former.get(seed.key), seed.key)",
        "(None, seed.key)",
        f"{OUTCOMES}::test_a_key_that_moved_is_not_sent_again",
    ),
    Mutant(
        "sends what is blocked",
        "expoints/standing.py",
        "() if self.blocks or self.seed.send is Send.BY_HAND else",
        "() if self.seed.send is Send.BY_HAND else",
        f"{REFUSALS}::TestTheTenant::test_a_mailbox_that_wants_no_more_mail_blocks_the_seed",
    ),
    Mutant(
        "does not ask for the proof again right before it sends",
        "expoints/sending.py",
        "blocks = self.check(_with(plan.seed, standees))",
        "blocks: Sequence[Block] = ()",
        f"{REFUSALS}::test_right_before_sending_the_proof_is_asked_for_again",
    ),
    Mutant(
        "asks for the proof of what is declared, and not of what it sends",
        "expoints/sending.py",
        "self.check(_with(plan.seed, standees))",
        "self.check(plan.seed)",
        f"{REFUSALS}::test_right_before_sending_the_proof_is_asked_for_again",
    ),
    Mutant(
        "sends more than 200 customers in one request",
        "expoints/standing.py",
        "LARGEST_BATCH = 200",
        "LARGEST_BATCH = 201",
        f"{OUTCOMES}::test_more_than_200_customers_go_in_several_requests_in_the_order_of_the_files",
    ),
    Mutant(
        "matches recipients with a plain pattern over the whole text",
        "expoints/recipients.py",
        "return is_one_address(address) and any(_allows(pattern, address) for pattern in patterns)",
        "return any(fnmatchcase(address, pattern) for pattern in patterns)",
        f"{RECIPIENTS}::test_a_star_stands_for_anything_before_the_at",
    ),
)
