"""Broken ways to send a seed: each a mistake that could be made, and the test that is there to catch it."""

from __future__ import annotations

from tests.mutants.mutants import Mutant

KILLED = "tests/seeds/test_killed.py"
ONCE = "tests/seeds/test_once.py"
OUTCOMES = "tests/seeds/test_outcomes.py"
REFUSALS = "tests/seeds/test_refusals.py"
RECIPIENTS = "tests/expoints/test_recipients.py"

_POST = "        try:\n            self.client.add(batch.body)\n        except NoAnswer as error:\n"

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
        f"        self._conclude(number, Standing.SENT)\n{_POST}",
        f"{KILLED}::test_killed_around_the_batch_the_next_apply_is_in_doubt",
    ),
    Mutant(
        "posts a batch again after a 503",
        "expoints/sending.py",
        _POST,
        "        try:\n            try:\n                self.client.add(batch.body)\n"
        "            except NoAnswer:\n                self.client.add(batch.body)\n"
        "        except NoAnswer as error:\n",
        f"{OUTCOMES}::test_what_is_in_doubt_rests_before_it_is_counted",
    ),
    Mutant(
        "takes a 503 for a refusal",
        "expoints/sending.py",
        "Standing.IN_DOUBT, str(error))",
        "Standing.REFUSED, str(error))",
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
        "expoints/planning.py",
        "return self.clock.now() >= delivery.at + max(self.settle_after, LONGEST_POST)",
        "return True",
        f"{OUTCOMES}::test_what_is_in_doubt_rests_before_it_is_counted",
    ),
    Mutant(
        "takes absence for proof where a person has to approve",
        "expoints/planning.py",
        " or not seed.approves_automatically:",
        ":",
        f"{OUTCOMES}::test_a_batch_that_waits_for_a_person_is_never_settled_by_counting",
    ),
    Mutant(
        "takes absence for proof where a person had to approve when it was sent",
        "expoints/planning.py",
        "(end is Standing.NOT_SENT and (d.customer, d.digest) in declared)",
        "end is Standing.NOT_SENT",
        f"{OUTCOMES}::test_what_waited_for_a_person_is_not_settled_because_the_files_no_longer_say_so",
    ),
    Mutant(
        "takes the customers of an earlier batch for those of a lost one",
        "expoints/planning.py",
        "(end is Standing.SENT and self._began_at_rest(d, deliveries))",
        "end is Standing.SENT",
        f"{OUTCOMES}::test_a_round_that_begins_before_the_last_one_is_visible_is_not_settled_by_its_customers",
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
        "            stops = isinstance(error, _HOPELESS)",
        "            stops = False",
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
        "expoints/standing.py",
        "State.FOUND if is_stranger(addressee) else State.PENDING",
        "State.PENDING",
        f"{ONCE}::test_without_its_journal_nothing_is_sent_and_the_customers_are_found",
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
