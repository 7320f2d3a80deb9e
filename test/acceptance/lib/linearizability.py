"""Decides whether what clients saw of one object can be explained by operations that happen one at a time.

An object is a register: absent, or present with a revision, a uid and a value, which is the texts "a" and "b" and a
color. Each operation must seem to take place at one moment between its invocation and its answer; one whose outcome
is unknown may take place at any moment after its invocation, or never. The search is that of Wing and Gong with the
configurations it has seen remembered (Lowe, "Testing for linearizability"), and with cuts that the register allows:
writes with known revisions have one order, what has been passed can be seen no more, and texts are written by one
operation each. Pure.
"""
import collections
import dataclasses
import math

OK, FAILED, UNKNOWN = "ok", "failed", "unknown"
WRITES = ("create", "update", "patch", "delete")
LISTS = ("list", "old list")  # the second may show an old state


@dataclasses.dataclass(slots=True)
class Operation:
    """One request about one object (or, for verb "list", about many) as its client saw it."""
    verb: str  # create, get, old get (of what may be old), update, patch, delete, list, old list
    key: object  # (kind, cluster, namespace, name), or the scope of a list
    invoked: float
    answered: float = math.inf
    outcome: str = UNKNOWN
    reason: str = ""  # of a failure: AlreadyExists, Conflict, NotFound; others had no effect
    value: tuple = ()  # that is to be written; of a patch what it leaves is None
    base: int = 0  # the revision that must be present; 0: any
    base_uid: str = ""  # the uid that must be present; "": any
    revision: int = 0  # that was answered
    uid: str = ""  # that was answered
    seen: tuple = ()  # the value that was answered
    client: str = ""
    connection: int = 0
    server: str = ""
    body: object = None  # the object that was answered, or a list's items

    def text(self, zero=0.0):
        end = "?" if self.answered == math.inf else f"{self.answered - zero:.4f}"
        asked = [str(self.value)] if self.value else []
        asked += [f"if at {self.base}"] if self.base else []
        asked += [f"if uid {self.base_uid[:8]}"] if self.base_uid else []
        answer = self.outcome if self.outcome != FAILED else f"{self.outcome} ({self.reason})"
        if self.outcome == OK and self.revision:
            answer += f" at {self.revision} uid {self.uid[:8]} {self.seen or ''}"
        name = "/".join(self.key) if isinstance(self.key, tuple) else self.key.text()
        return (f"[{self.invoked - zero:9.4f} {end:>9}] {self.client:>4} {self.server} {self.verb:8} {name} "
                f"{' '.join(asked)} -> {answer}")


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """`revision` 0 and `uid` "": written by an operation with an unknown outcome, and not seen yet."""
    present: bool = False
    floor: int = 0  # the highest revision that is known to have been
    revision: int = 0
    uid: str = ""
    value: tuple = ()


def recognize(state, revision, uid=""):
    """The state if it is the one with this revision and uid; None if it is not."""
    if not state.present or (uid and state.uid and uid != state.uid):
        return None
    if revision and state.revision and revision != state.revision:
        return None
    if revision and not state.revision and revision <= state.floor:
        return None
    known = revision or state.revision
    return State(True, max(known, state.floor), known, uid or state.uid, state.value)


def merged(value, patch):
    return tuple(old if new is None else new for old, new in zip(value, patch))


def written(operation, before, value):
    """The state after a write that went well, or may have."""
    if operation.outcome == UNKNOWN:
        return State(True, before.floor, 0, before.uid if before.present else "", value)
    if operation.revision <= before.floor or operation.seen != value:
        return None
    if before.present and before.uid and operation.uid != before.uid:
        return None
    return State(True, operation.revision, operation.revision, operation.uid, value)


def refused(operation, state):
    """The state if the operation can have been refused in it."""
    if operation.reason == "NotFound":
        return None if state.present else state
    if operation.reason == "AlreadyExists":
        return state if state.present else None
    if not state.present:
        return None
    other = operation.base and state.revision != operation.base
    other = other or (operation.base_uid and state.uid != operation.base_uid)
    return state if other else None


def step(operation, state):
    """The state after the operation; None if it cannot take place, or not with this answer."""
    if operation.outcome == FAILED:
        return refused(operation, state)
    if operation.verb == "create":
        return None if state.present else written(operation, state, operation.value)
    wanted = (operation.base, operation.base_uid)
    if operation.verb == "get":
        found = recognize(state, operation.revision, operation.uid)
        return found if found and operation.seen == state.value else None
    before = recognize(state, *wanted)
    if not before:
        return None
    if operation.verb == "delete":
        return State(False, before.floor)
    value = operation.value if operation.verb == "update" else merged(before.value, operation.value)
    return written(operation, before, value)


def says_something(operation):
    """Whether the operation has an effect, or its answer depends on the state."""
    if operation.outcome == UNKNOWN:
        return operation.verb in WRITES
    if operation.outcome == OK:
        return True
    if operation.reason == "Conflict":  # without a condition: it gave up, after others' writes
        return bool(operation.base or operation.base_uid)
    return operation.reason in ("NotFound", "AlreadyExists")


def latest_seen(operation):
    """A revision that the register may not have passed when this takes place; 0: none."""
    if operation.outcome != OK:
        return 0
    return operation.base or operation.revision


TEXTS = (0, 1)  # the places in a value where texts are


def without_unseen(operations):
    """Operations with unknown outcomes, with one sign for all texts that nobody has seen: they are all alike."""
    seen = {(place, one.seen[place]) for one in operations if one.outcome == OK and one.seen for place in TEXTS}
    for one in operations:
        if one.outcome == UNKNOWN and one.value:
            value = tuple("?" if place in TEXTS and text and (place, text) not in seen else text
                          for place, text in enumerate(one.value))
            one = dataclasses.replace(one, value=value)
        yield one


@dataclasses.dataclass
class Verdict:
    linearizable: bool
    decided: bool = True  # or the search was given up
    operation: Operation | None = None  # the first answer that nothing explains
    states: tuple = ()  # in which the register may have been before it
    steps: int = 0


class Search:
    def __init__(self, operations, limit):
        meant = [one for one in operations if says_something(one)]
        self.operations = sorted(without_unseen(meant), key=lambda one: one.invoked)
        self.limit = limit
        numbered = list(enumerate(self.operations))
        self.unknown = [n for n, one in numbered if one.outcome == UNKNOWN]
        self.by_invocation = [n for n, one in numbered if one.outcome != UNKNOWN]
        self.by_answer = sorted(self.by_invocation, key=lambda n: self.operations[n].answered)
        self.ordered = {n for n, one in numbered if one.outcome == OK and one.verb in ("create", "update", "patch")}
        self.by_revision = sorted(self.ordered, key=lambda n: self.operations[n].revision)
        self.by_sighting = sorted((n for n, one in numbered if latest_seen(one)),
                                  key=lambda n: latest_seen(self.operations[n]))
        self.orders = (self.by_answer, self.by_revision, self.by_sighting, self.by_invocation)
        self.seen_by, self.written_by = collections.defaultdict(list), collections.defaultdict(list)
        for number, one in numbered:
            for place in TEXTS:
                if one.outcome == OK and one.seen and one.seen[place]:
                    self.seen_by[place, one.seen[place]].append(number)
                if one.value and one.value[place]:
                    self.written_by[place, one.value[place]].append(number)

    @staticmethod
    def first_missing(order, done, start):
        while start < len(order) and done >> order[start] & 1:
            start += 1
        return start

    def candidates(self, done, marks):
        """What nothing that is missing was answered before, and may have a revision that comes next."""
        end = self.operations[self.by_answer[marks[0]]].answered
        next_write = self.by_revision[marks[1]] if marks[1] < len(self.by_revision) else None
        for numbers in (self.by_invocation[marks[3]:], self.unknown):
            for number in numbers:
                if self.operations[number].invoked > end:
                    break
                if not done >> number & 1 and (number not in self.ordered or number == next_write):
                    yield number

    def loses(self, done, before, after):
        """Whether a text goes that somebody is still to see and nobody is to write again."""
        for place in TEXTS if before.present else ():
            text = before.value[place]
            if after.present and after.value[place] == text:
                continue
            awaited = any(not done >> number & 1 for number in self.seen_by[place, text])
            if awaited and all(done >> number & 1 for number in self.written_by[place, text]):
                return True
        return False

    def choices(self, done, state, marks):
        """What may take place next. An operation that leaves the state as it is comes alone: it can do no harm. Of
        operations with unknown outcomes that are alike, the first will do."""
        found, alike = [], set()
        for number in self.candidates(done, marks):
            operation = self.operations[number]
            after = step(operation, state)
            if after is None:
                continue
            if operation.outcome == UNKNOWN:
                kind = (operation.verb, operation.value, operation.base, operation.base_uid)
                if kind in alike or after == state:
                    continue
                alike.add(kind)
            elif after == state:
                return [(number, after)]
            if not self.loses(done | 1 << number, state, after):
                found.append((number, after))
        # Those with an unknown outcome last: they have no answer.
        return sorted(found, key=lambda one: self.operations[one[0]].answered)

    def run(self):
        seen, steps, furthest, states = set(), 0, -1, []
        stack = [(0, State(), (0, 0, 0, 0))]
        while stack:
            done, state, marks = stack.pop()
            marks = tuple(self.first_missing(order, done, mark) for order, mark in zip(self.orders, marks))
            if marks[0] == len(self.by_answer):
                return Verdict(True, steps=steps)
            if (done, state) in seen:
                continue
            seen.add((done, state))
            steps += 1
            if steps > self.limit:
                return Verdict(False, False, self.operations[self.by_answer[furthest]], tuple(states), steps)
            if marks[0] > furthest:
                furthest, states = marks[0], []
            if marks[0] == furthest and state not in states and len(states) < 8:
                states.append(state)
            if marks[2] < len(self.by_sighting):
                sighting = self.operations[self.by_sighting[marks[2]]]
                if latest_seen(sighting) < state.floor:
                    continue
            for number, after in reversed(self.choices(done, state, marks)):
                stack.append((done | 1 << number, after, marks))
        return Verdict(False, True, self.operations[self.by_answer[furthest]], tuple(states), steps)


def until(operations, moment):
    """The history as it was at that moment."""
    for one in operations:
        if one.answered <= moment:
            yield one
        elif one.invoked <= moment:
            yield dataclasses.replace(one, answered=math.inf, outcome=UNKNOWN, revision=0, uid="", seen=(), reason="")


def check_register(operations, limit=400_000):
    """The verdict on all operations of one object, which is absent at first."""
    verdict = Search(operations, limit).run()
    if verdict.linearizable or not verdict.decided:
        return verdict
    # The shortest history that is bad ends with the answer that is to blame.
    answers = sorted((one for one in operations if one.outcome != UNKNOWN), key=lambda one: one.answered)
    good, bad = -1, len(answers) - 1
    while bad - good > 1:
        middle = (good + bad) // 2
        shorter = Search(list(until(operations, answers[middle].answered)), limit).run()
        if shorter.linearizable:
            good = middle
        else:
            bad, verdict = middle, shorter
    verdict.operation = answers[bad]
    return verdict


def relevant_part(operations, verdict, before=10):
    """The operations that a reader needs to understand a bad verdict, in the order of their invocation."""
    bad = verdict.operation
    shown = sorted((one for one in operations if says_something(one) and one.invoked <= bad.answered),
                   key=lambda one: one.invoked)
    near = [one for one in shown if one.answered >= bad.invoked and one.outcome != UNKNOWN]
    earlier = [one for one in shown if one.answered < bad.invoked][-before:]
    since = min([one.invoked for one in earlier + near])
    open_ones = [one for one in shown if one.outcome == UNKNOWN and one.invoked >= since]
    return sorted(earlier + near + open_ones, key=lambda one: one.invoked)
