"""Tests of the checkers themselves: histories made by hand, good ones and such as no correct server can cause."""
import itertools
import math
import unittest

import linearizability
import revisions
from linearizability import FAILED, OK, UNKNOWN, Operation

KEY = ("configmaps", "one", "default", "r")
VALUE = ("a1", "", "red")


def operation(verb, invoked, answered, outcome=OK, **rest):
    return Operation(verb, KEY, invoked, answered, outcome, **rest)


def create(invoked, answered, revision, value=VALUE, uid="u"):
    return operation("create", invoked, answered, value=value, revision=revision, uid=uid, seen=value)


def update(invoked, answered, base, revision, value, uid="u"):
    return operation("update", invoked, answered, value=value, base=base, revision=revision, uid=uid, seen=value)


def patch(invoked, answered, revision, b, seen, uid="u"):
    return operation("patch", invoked, answered, value=(None, b, None), revision=revision, uid=uid, seen=seen)


def get(invoked, answered, revision, seen, uid="u"):
    return operation("get", invoked, answered, revision=revision, uid=uid, seen=seen)


def absent(invoked, answered, verb="get"):
    return operation(verb, invoked, answered, FAILED, reason="NotFound")


def delete(invoked, answered, **rest):
    return operation("delete", invoked, answered, **rest)


def unknown(verb, invoked, **rest):
    return operation(verb, invoked, math.inf, UNKNOWN, **rest)


class RegisterTest(unittest.TestCase):
    def good(self, *operations):
        self.assertTrue(linearizability.check_register(operations).linearizable)

    def bad(self, index, *operations):
        """The history is bad, and the answer that is blamed is that of the operation at `index`."""
        verdict = linearizability.check_register(operations)
        self.assertFalse(verdict.linearizable)
        self.assertTrue(verdict.decided)
        self.assertIs(verdict.operation, operations[index])
        self.assertIn(operations[index], linearizability.relevant_part(operations, verdict))

    def test_operations_one_after_another_are_good(self):
        self.good(absent(0, 1), create(2, 3, 5), get(4, 5, 5, VALUE), update(6, 7, 5, 9, ("a2", "", "red")),
                  patch(8, 9, 12, "b1", ("a2", "b1", "red")), delete(10, 11, base=12), absent(12, 13),
                  create(14, 15, 20, uid="v"), delete(16, 17, base_uid="v"))

    def test_overlapping_operations_take_place_in_any_order(self):
        self.good(create(0, 1, 5), update(2, 9, 5, 6, ("a2", "", "red")), get(3, 4, 6, ("a2", "", "red")))
        self.good(create(0, 1, 5), update(2, 9, 5, 6, ("a2", "", "red")), get(3, 4, 5, VALUE))

    def test_a_stale_read_is_bad(self):
        self.bad(2, create(0, 1, 5), update(2, 3, 5, 6, ("a2", "", "red")), get(4, 5, 5, VALUE))

    def test_a_read_that_goes_back_during_a_write_is_bad(self):
        self.bad(3, create(0, 1, 5), update(2, 9, 5, 6, ("a2", "", "red")), get(3, 4, 6, ("a2", "", "red")),
                 get(5, 6, 5, VALUE))

    def test_a_lost_update_is_bad(self):
        self.bad(2, create(0, 1, 5), patch(2, 3, 6, "b1", ("a1", "b1", "red")),
                 patch(4, 5, 7, "b2", ("a0", "b2", "red")))
        self.bad(2, create(0, 1, 5), update(2, 3, 5, 6, ("a2", "", "red")),
                 patch(4, 5, 7, "b2", ("a1", "b2", "red")))

    def test_two_conditional_writes_on_the_same_base_are_bad(self):
        verdict = linearizability.check_register([
            create(0, 1, 5), update(2, 4, 5, 6, ("a2", "", "red")), update(2, 5, 5, 7, ("a3", "", "red"))])
        self.assertFalse(verdict.linearizable)

    def test_a_deletion_that_is_undone_is_bad(self):
        self.bad(2, create(0, 1, 5), delete(2, 3), get(4, 5, 5, VALUE))
        self.bad(2, create(0, 1, 5), delete(2, 3), patch(4, 5, 7, "b", ("a1", "b", "red")))

    def test_a_write_that_was_acknowledged_and_is_gone_is_bad(self):
        self.bad(1, create(0, 1, 5), absent(2, 3))
        self.bad(1, create(0, 1, 5), create(2, 3, 6, ("a2", "", "red"), "v"))

    def test_a_value_that_nobody_wrote_is_bad(self):
        self.bad(1, create(0, 1, 5), get(2, 3, 5, ("a9", "", "red")))
        self.bad(1, create(0, 1, 5), get(2, 3, 6, VALUE))
        self.bad(1, create(0, 1, 5), get(2, 3, 5, VALUE, uid="w"))

    def test_a_revision_that_goes_back_is_bad(self):
        verdict = linearizability.check_register([create(0, 1, 5), update(2, 3, 5, 4, ("a2", "", "red"))])
        self.assertFalse(verdict.linearizable)
        verdict = linearizability.check_register([create(0, 1, 5), delete(2, 3), create(4, 5, 5, uid="v")])
        self.assertFalse(verdict.linearizable)

    def test_a_refusal_without_a_reason_is_bad(self):
        conflict = operation("update", 2, 3, FAILED, reason="Conflict", base=5, base_uid="u", value=("x", "", "red"))
        self.bad(1, create(0, 1, 5), conflict)
        self.bad(1, create(0, 1, 5), operation("delete", 2, 3, FAILED, reason="Conflict", base_uid="u"))
        self.bad(0, operation("create", 0, 1, FAILED, reason="AlreadyExists", value=VALUE))
        self.bad(1, create(0, 1, 5), absent(2, 3, "patch"))

    def test_a_refusal_with_a_reason_is_good(self):
        conflict = operation("update", 4, 5, FAILED, reason="Conflict", base=5, base_uid="u", value=("x", "", "red"))
        self.good(create(0, 1, 5), patch(2, 3, 6, "b", ("a1", "b", "red")), conflict)
        self.good(create(0, 1, 5), operation("patch", 2, 3, FAILED, reason="Conflict", value=(None, "b", None)))

    def test_an_unknown_write_may_have_happened_or_not(self):
        write = unknown("patch", 2, value=(None, "b1", None))
        after = ("a1", "b1", "red")
        self.good(create(0, 1, 5), write, get(3, 4, 5, VALUE))
        self.good(create(0, 1, 5), write, get(3, 4, 6, after))
        self.good(create(0, 1, 5), write, get(3, 4, 5, VALUE), get(5, 6, 6, after))
        self.good(create(0, 1, 5), unknown("delete", 2), get(3, 4, 5, VALUE), absent(5, 6))

    def test_an_unknown_write_happens_once_and_not_before_it_began(self):
        write = unknown("patch", 2, value=(None, "b1", None))
        after = ("a1", "b1", "red")
        self.bad(3, create(0, 1, 5), write, get(3, 4, 6, after), get(5, 6, 5, VALUE))
        self.bad(1, create(0, 1, 5), get(2, 3, 6, after), unknown("patch", 4, value=(None, "b1", None)))
        self.bad(4, create(0, 1, 5), unknown("delete", 2), absent(3, 4), create(5, 6, 8, uid="v"), absent(7, 8))

    def test_an_unknown_conditional_write_happens_on_its_base_only(self):
        write = unknown("update", 4, value=("a3", "", "red"), base=5)
        self.good(create(0, 1, 5), write, get(5, 6, 7, ("a3", "", "red")))
        self.bad(3, create(0, 1, 5), patch(2, 3, 6, "b", ("a1", "b", "red")), write, get(5, 6, 7, ("a3", "", "red")))

    def test_an_unknown_write_that_nobody_saw_explains_a_conflict(self):
        conflict = operation("update", 4, 5, FAILED, reason="Conflict", base=5, base_uid="u", value=("x", "", "red"))
        self.good(create(0, 1, 5), unknown("patch", 2, value=(None, "b1", None)), conflict,
                  patch(6, 7, 9, "b2", ("a1", "b2", "red")))

    def test_many_unknown_writes_do_not_stop_the_search(self):
        many = [unknown("patch", 2 + i / 100, value=(None, f"b{i}", None)) for i in range(30)]
        reads = [get(10 + i, 10.5 + i, 10 + i, ("a1", f"b{i}", "red")) for i in range(0, 30, 2)]
        self.good(create(0, 1, 5), *many, *reads)
        self.bad(-1, create(0, 1, 5), *many, *reads, get(60, 61, 10, ("a1", "b0", "red")))

    def test_the_search_agrees_with_trying_every_order(self):
        """All orders of some overlapping operations, against the definition."""
        pool = [create(0, 4, 5), get(1, 3, 5, VALUE), absent(2, 6), patch(3, 8, 7, "b", ("a1", "b", "red")),
                get(5, 9, 7, ("a1", "b", "red")), delete(6, 10), absent(7, 11), create(9, 12, 9, uid="v"),
                get(2, 7, 7, ("a1", "b", "red"))]
        found = set()
        for count in range(1, 5):
            for chosen in itertools.combinations(pool, count):
                verdict = linearizability.check_register(chosen).linearizable
                self.assertEqual(verdict, explained(chosen), [one.text() for one in chosen])
                found.add(verdict)
        self.assertEqual(found, {True, False})


def explained(operations):
    """Whether some order that keeps the order in time explains all of them, by trial of all."""
    for order in itertools.permutations(operations):
        in_time = all(later.answered >= earlier.invoked
                      for earlier, later in itertools.combinations(order, 2))
        state = linearizability.State()
        for one in order:
            state = state and linearizability.step(one, state)
        if in_time and state:
            return True
    return False


def item(name, revision, a="", color="red", cluster="one"):
    return {"metadata": {"name": name, "namespace": "default", "resourceVersion": str(revision),
                         "labels": {"color": color}, "annotations": {"kcp.io/cluster": cluster, "a": a}}}


ALL = revisions.Scope("configmaps")
RED = revisions.Scope("configmaps", color="red")
COMMITTED = [("ADDED", item("r", 5, "1")), ("ADDED", item("s", 6, "2")), ("MODIFIED", item("r", 7, "3", "green")),
             ("DELETED", item("s", 8, "2")), ("MODIFIED", item("r", 9, "4", "red"))]
SELECTED = [("ADDED", item("r", 5, "1")), ("ADDED", item("s", 6, "2")), ("DELETED", item("r", 7, "1")),
            ("DELETED", item("s", 8, "2")), ("ADDED", item("r", 9, "4", "red"))]


def segment(events, scope=ALL, start=4, items=(), end=9):
    return revisions.Segment(scope, "w", start, list(items), [(*event, "s") for event in events], end)


class WatchTest(unittest.TestCase):
    def problems(self, shown):
        versions = revisions.gather([], [segment(COMMITTED), shown])
        return versions.problems + revisions.check_segment(shown, versions)

    def test_complete_watches_are_good(self):
        self.assertEqual(self.problems(segment(COMMITTED)), [])
        self.assertEqual(self.problems(segment(SELECTED, RED)), [])
        self.assertEqual(self.problems(segment(COMMITTED[3:], start=7,
                                               items=[item("r", 7, "3", "green"), item("s", 6, "2")])), [])

    def test_each_gap_is_found(self):
        for events, scope in ((COMMITTED, ALL), (SELECTED, RED)):
            for i in range(len(events)):
                self.assertTrue(self.problems(segment(events[:i] + events[i + 1:], scope)), i)

    def test_what_comes_twice_is_found(self):
        for i in range(len(COMMITTED)):
            self.assertTrue(self.problems(segment(COMMITTED[:i + 1] + COMMITTED[i:])), i)

    def test_a_wrong_order_is_found(self):
        for i in range(len(COMMITTED) - 1):
            swapped = COMMITTED[:i] + [COMMITTED[i + 1], COMMITTED[i]] + COMMITTED[i + 2:]
            self.assertTrue(self.problems(segment(swapped)), i)

    def test_a_wrong_type_or_content_is_found(self):
        self.assertTrue(self.problems(segment([("MODIFIED", item("r", 5, "1")), *COMMITTED[1:]])))
        self.assertTrue(self.problems(segment([("ADDED", item("r", 5, "0")), *COMMITTED[1:]])))
        self.assertTrue(self.problems(segment([*SELECTED[:2], ("DELETED", item("r", 7, "3", "green")), *SELECTED[3:]],
                                              RED)))

    def test_a_list_that_a_watch_began_with_is_checked(self):
        both = [item("r", 7, "3", "green"), item("s", 6, "2")]
        self.assertTrue(self.problems(segment(COMMITTED[3:], start=7, items=both[:1])))
        self.assertTrue(self.problems(segment(COMMITTED[4:], start=8, items=both)))
        self.assertTrue(self.problems(segment(COMMITTED[3:], start=7, items=[item("r", 5, "1"), both[1]])))

    def test_a_watch_that_broke_off_is_judged_up_to_there(self):
        self.assertEqual(self.problems(segment(COMMITTED[:3], end=0)), [])
        self.assertTrue(self.problems(segment([COMMITTED[0], *COMMITTED[2:4]], end=0)))
        self.assertTrue(self.problems(segment([COMMITTED[0], COMMITTED[2]], end=0)))

    def test_two_events_of_one_revision_are_found(self):
        both = [("ADDED", item("r", 5, "1")), ("ADDED", item("s", 5, "2"))]
        versions = revisions.gather([], [segment(both)])
        self.assertTrue(revisions.check_segment(segment(both), versions))

    def test_the_end_is_compared_with_a_list(self):
        last = item("r", 9, "4", "red")
        self.assertEqual(revisions.check_end(segment(COMMITTED), [last]), [])
        self.assertTrue(revisions.check_end(segment(COMMITTED), [item("r", 9, "5", "red")]))
        self.assertTrue(revisions.check_end(segment(COMMITTED), [last, item("s", 6, "2")]))
        self.assertTrue(revisions.check_end(segment(COMMITTED[:4]), [last]))


class OrderTest(unittest.TestCase):
    def versions(self):
        return revisions.gather([], [segment(COMMITTED)])

    def listed(self, invoked, answered, revision, items, scope=ALL):
        return Operation("list", scope, invoked, answered, OK, revision=revision, body=items)

    def test_revisions_follow_time_over_all_objects(self):
        other = Operation("create", (*KEY[:3], "other"), 2, 3, OK, revision=6, value=VALUE, seen=VALUE)
        self.assertEqual(revisions.check_order([create(0, 1, 5), other, self.listed(4, 5, 6, [])]), [])
        self.assertTrue(revisions.check_order([create(0, 1, 7), other]))
        self.assertTrue(revisions.check_order([create(0, 1, 5), other, self.listed(4, 5, 5, [])]))
        self.assertTrue(revisions.check_order([self.listed(0, 1, 6, []), other]))
        self.assertTrue(revisions.check_order([create(0, 9, 6), other]))

    def test_a_list_shows_the_state_at_its_revision(self):
        s, r = item("s", 6, "2"), item("r", 7, "3", "green")
        versions = self.versions()
        self.assertEqual(revisions.check_lists([self.listed(0, 1, 7, [r, s]), self.listed(0, 1, 7, [s], RED)],
                                               versions), [])
        for items in ([r], [s, s, r], [item("r", 5, "1"), s], [r, s, item("t", 4)]):
            self.assertTrue(revisions.check_lists([self.listed(0, 1, 7, items)], versions))

    def test_two_states_at_one_revision_are_found(self):
        self.assertTrue(revisions.gather([], [segment(COMMITTED), segment([("ADDED", item("r", 5, "9"))])]).problems)

    def test_what_was_refused_or_written_by_nobody_is_found(self):
        versions = revisions.gather([], [segment([("ADDED", item("r", 5, "a1"))])])
        self.assertEqual(revisions.check_tokens([create(0, 1, 5)], versions), [])
        self.assertTrue(revisions.check_tokens([], versions))
        refused = operation("create", 0, 1, FAILED, reason="AlreadyExists", value=VALUE)
        self.assertTrue(revisions.check_tokens([refused], versions))

    def test_deletions_are_counted(self):
        gone = Operation("delete", (*KEY[:3], "s"), 0, 1, OK)
        self.assertEqual(revisions.check_deletions([gone], self.versions()), [])
        self.assertTrue(revisions.check_deletions([gone, gone], self.versions()))

    def test_what_may_be_old_does_not_go_back_over_one_connection(self):
        def old(at, revision):
            return operation("old get", at, at + 0.5, revision=revision)

        def other(at, **rest):
            return Operation("old get", (*KEY[:3], "s"), at, at + 0.5, **rest)

        def gone(at):
            return other(at, outcome=FAILED, reason="NotFound")
        versions = self.versions()
        self.assertEqual(revisions.check_stale([old(0, 5), old(1, 5), old(2, 7), gone(3), old(4, 9)], versions), [])
        self.assertTrue(revisions.check_stale([old(0, 7), old(1, 5)], versions))
        back = [gone(0), old(1, 7), gone(2), other(3, outcome=OK, revision=6)]
        self.assertTrue(revisions.check_stale(back, versions))
        self.assertTrue(revisions.check_stale([create(0, 1, 7), old(2, 5)], versions))


if __name__ == "__main__":
    unittest.main()
