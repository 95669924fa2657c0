"""Ways in which the tool could break when things go wrong around it, and the test that catches each."""

from __future__ import annotations

from tests.mutants.mutants import Mutant

INTERRUPTS, CLOCKS = "tests/faults/test_interrupts.py", "tests/faults/test_clocks.py"
INTERRUPTED = f"{INTERRUPTS}::test_a_run_that_is_interrupted_ends_soon_and_as_the_table_says"

MUTANTS = (
    Mutant(
        "waits on after an interrupt",
        "commands/interrupts.py",
        "            if self._is_cut:\n                raise SleepCut\n",
        "",
        INTERRUPTED,
    ),
    Mutant(
        "writes what it was reading when it was interrupted",
        "engine/apply.py",
        "            raise Abandoned(self._stopped.reason)",
        "            pass",
        INTERRUPTED,
    ),
    Mutant(
        "breaks off what is under way at an interrupt",
        "commands/interrupts.py",
        "                with suppress(KeyboardInterrupt):\n                    before(number, frame)",
        "                before(number, frame)",
        INTERRUPTED,
    ),
    Mutant(
        "calls what an interrupt kept from leaving a failure",
        "engine/apply.py",
        "        except Abandoned as error:\n",
        "        except ZeroDivisionError as error:\n",
        INTERRUPTED,
    ),
    Mutant(
        "begins the next request of a seed after an interrupt",
        "expoints/sending.py",
        "stops = request.end.stops or self.is_stopped()",
        "stops = request.end.stops",
        f"{INTERRUPTS}::test_seeds_that_are_sent_by_hand_are_told_of_too",
    ),
    Mutant(
        "lets a second interrupt take the summary",
        "commands/carrying.py",
        "        yield done\n",
        "    yield done\n",
        f"{INTERRUPTS}::test_an_interrupt_while_the_summary_is_written_does_not_lose_it",
    ),
    Mutant(
        "hides what became of the changes when the journal fails after them",
        "commands/sending.py",
        "    except Exception as error:  # noqa: BLE001\n        notes = (",
        "    except ZeroDivisionError as error:\n        notes = (",
        f"{CLOCKS}::test_a_journal_that_fails_in_the_middle_does_not_hide_what_became_of_the_changes",
    ),
    Mutant(
        "gets another token to send than the one that it planned with",
        "commands/tenant.py",
        "yield cache(lambda: opened.enter_context(open_tenant(session, console)))",
        "yield lambda: opened.enter_context(open_tenant(session, console))",
        f"{CLOCKS}::test_one_token_is_enough_for_planning_and_sending_several_seeds",
    ),
    Mutant(
        "believes its own clock about the server's dates",
        "http/api.py",
        "until - (now if since is None else since)",
        "until - now",
        "tests/http/test_waiting.py::test_a_retry_after_as_a_date_counts_from_the_servers_own_clock",
    ),
    Mutant(
        "measures its patience on a clock that can be set",
        "engine/apply.py",
        "return self.is_stopped or self.clock.monotonic() >= attempt.since",
        "return self.is_stopped or self.clock.now() >= attempt.since",
        f"{CLOCKS}::test_patience_with_the_servers_cache_is_as_long_as_it_is",
    ),
)
