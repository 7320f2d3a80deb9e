"""Checks what clients and watchers saw of all objects together against one order of revisions.

What was ever seen of an object at some revision, by whomever, is put together; then every list must be exactly the
state at its revision, the events of every watch exactly what was committed behind its start, and revisions must be
in the order of time: what begins after an answer has a higher one. Pure.
"""
import bisect
import collections
import dataclasses
import json

import linearizability

DELETED = "deleted"


@dataclasses.dataclass(frozen=True, slots=True)
class Scope:
    """What a list or a watch selects; "" selects all."""
    kind: str
    cluster: str = ""
    namespace: str = ""
    color: str = ""

    def covers(self, key):
        return (self.kind == key[0] and self.cluster in ("", key[1]) and self.namespace in ("", key[2]))

    def selects(self, item):
        return item is not DELETED and item is not None and self.color in ("", color_of(item))

    def text(self):
        parts = [self.kind, self.cluster or "all workspaces", self.namespace or "all namespaces", self.color]
        return ", ".join(part for part in parts if part)


@dataclasses.dataclass
class Segment:
    """A watch from a list on, over all of its resumptions."""
    scope: Scope
    watcher: str
    start: int
    items: list  # of the list
    events: list = dataclasses.field(default_factory=list)  # (type, object, server)
    end: int = 0  # up to where it must be complete; 0: it broke off, up to the last event


def key_of(kind, item):
    metadata = item["metadata"]
    cluster = metadata.get("annotations", {}).get("kcp.io/cluster", "")
    return kind, cluster, metadata.get("namespace", ""), metadata["name"]


def revision_of(item):
    return int(item["metadata"]["resourceVersion"])


def color_of(item):
    return item["metadata"].get("labels", {}).get("color", "")


def value_of(item):
    annotations = item["metadata"].get("annotations", {})
    return annotations.get("a", ""), annotations.get("b", ""), color_of(item)


def at_revision(item, revision):
    return {**item, "metadata": {**item["metadata"], "resourceVersion": str(revision)}}


def same(left, right):
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def name_of(key):
    return "/".join(key)


class Versions:
    """All that was seen of every object, by revision."""

    def __init__(self):
        self.by_key = collections.defaultdict(dict)
        self.order = {}
        self.problems = []

    def add(self, kind, item, by):
        key, revision = key_of(kind, item), revision_of(item)
        present = self.by_key[key].setdefault(revision, item)
        if present is DELETED or not same(present, item):
            self.problems.append(f"{name_of(key)} has two states at revision {revision}, {by} saw\n  {item}\n  "
                                 f"others saw\n  {present}")

    def add_deletion(self, kind, item, by):
        key, revision = key_of(kind, item), revision_of(item)
        if self.by_key[key].setdefault(revision, DELETED) is not DELETED:
            self.problems.append(f"{name_of(key)} was deleted at revision {revision}, {by} saw; others saw it present")

    def finish(self):
        """To be called when all has been added."""
        self.order = {key: sorted(versions) for key, versions in self.by_key.items()}

    def at(self, key, revision):
        """The state at a revision: an object, DELETED, or None before the first that is known."""
        order = self.order[key]
        index = bisect.bisect_right(order, revision)
        return self.by_key[key][order[index - 1]] if index else None

    def state(self, scope, revision):
        """What a list at `revision` must show, by key."""
        found = {key: self.at(key, revision) for key in self.order if scope.covers(key)}
        return {key: item for key, item in found.items() if scope.selects(item)}

    def events(self, scope, start, end):
        """What a watch must show: (revision, key, type, object), in order."""
        expected = []
        for key, order in self.order.items():
            if not scope.covers(key):
                continue
            before = self.at(key, start)
            for revision in order[bisect.bisect_right(order, start):bisect.bisect_right(order, end)]:
                now = self.by_key[key][revision]
                was_in, is_in = scope.selects(before), scope.selects(now)
                if is_in:
                    expected.append((revision, key, "MODIFIED" if was_in else "ADDED", now))
                elif was_in:
                    expected.append((revision, key, "DELETED", at_revision(before, revision)))
                before = now
        return sorted(expected, key=lambda one: one[:2])


def gather(operations, segments):
    versions = Versions()
    for operation in operations:
        if operation.outcome != linearizability.OK:
            continue
        many = operation.verb in linearizability.LISTS
        for item in operation.body if many else filter(None, [operation.body]):
            versions.add(operation.key.kind if many else operation.key[0], item, operation.client)
    for segment in segments:
        kind = segment.scope.kind
        for item in segment.items:
            versions.add(kind, item, segment.watcher)
        for event, item, _ in segment.events:
            if event != DELETED.upper():
                versions.add(kind, item, segment.watcher)
            elif not segment.scope.color:
                versions.add_deletion(kind, item, segment.watcher)
    versions.finish()
    return versions


def check_order(operations):
    """Revisions in the order of time: of writes, and of lists that may not be old."""
    problems, highest, by = [], 0, None
    moments = []
    for operation in operations:
        if operation.outcome == linearizability.OK and operation.revision:
            moments.append((operation.answered, 0, operation))
            if operation.verb in ("create", "update", "patch", "list"):
                moments.append((operation.invoked, 1, operation))
    floors = {}
    for _, begins, operation in sorted(moments, key=lambda one: one[:2]):
        if begins:
            floors[id(operation)] = (highest, by)
            continue
        if operation.revision > highest:
            highest, by = operation.revision, operation
    for _, begins, operation in moments:
        if not begins:
            continue
        floor, earlier = floors[id(operation)]
        write = operation.verb != "list"
        if operation.revision < floor or (write and operation.revision == floor):
            problems.append(f"a revision goes back:\n  {earlier.text()}\n  was answered before\n  {operation.text()}")
    written = collections.defaultdict(set)
    for operation in operations:
        if operation.outcome == linearizability.OK and operation.verb in ("create", "update", "patch"):
            written[operation.revision].add(operation.key)
    problems += [f"revision {revision} was given to {len(keys)} writes" for revision, keys in written.items()
                 if len(keys) > 1]
    return problems


def check_lists(operations, versions):
    """Each list shows the state at its revision."""
    problems = []
    for operation in operations:
        if operation.verb in linearizability.LISTS and operation.outcome == linearizability.OK:
            problems += compare_state(versions, operation.key, operation.revision, operation.body,
                                      f"the list of {operation.key.text()} by {operation.client} at {operation.server}")
    return problems


def compare_state(versions, scope, revision, items, what):
    expected = versions.state(scope, revision)
    found = {key_of(scope.kind, item): item for item in items}
    problems = []
    if len(found) != len(items):
        problems.append("shows an object twice")
    for key in sorted(set(expected) | set(found)):
        if key not in found:
            problems.append(f"lacks {name_of(key)}, which is\n  {expected[key]}")
        elif key not in expected:
            problems.append(f"shows {name_of(key)}, which should not be there:\n  {found[key]}")
        elif not same(expected[key], found[key]):
            problems.append(f"shows {name_of(key)} as\n  {found[key]}\n  which should be\n  {expected[key]}")
    return [f"{what} at revision {revision} {problem}" for problem in problems[:3]]


def check_tokens(operations, versions):
    """What is stored was written by somebody whose write was not refused."""
    writers = {}
    for operation in operations:
        if operation.verb in ("create", "update", "patch"):
            for token in operation.value[:2]:
                if token:
                    writers.setdefault((operation.key, token), []).append(operation)
    problems = []
    for key, states in versions.by_key.items():
        for revision, item in states.items():
            if item is DELETED:
                continue
            for token in filter(None, value_of(item)[:2]):
                found = writers.get((key, token))
                if not found:
                    problems.append(f"{name_of(key)} at revision {revision} has {token}, which nobody wrote")
                elif all(one.outcome == linearizability.FAILED for one in found):
                    problems.append(f"{name_of(key)} at revision {revision} has what was refused:\n  {found[0].text()}")
    return problems


def check_deletions(operations, versions):
    """Each acknowledged deletion has its revision."""
    acknowledged = collections.Counter(one.key for one in operations
                                       if one.verb == "delete" and one.outcome == linearizability.OK)
    problems = []
    for key, count in acknowledged.items():
        committed = sum(item is DELETED for item in versions.by_key.get(key, {}).values())
        if committed < count:
            problems.append(f"{name_of(key)}: {count} deletions were acknowledged, watches show {committed}")
    return problems


def check_stale(operations, versions):
    """Over one connection, what may be old shows states in their order, and never less than was written over it."""
    problems = []
    by_connection = collections.defaultdict(list)
    for operation in operations:
        if operation.verb not in linearizability.LISTS and operation.outcome != linearizability.UNKNOWN:
            by_connection[operation.connection].append(operation)
    for sequence in by_connection.values():
        position, last = 0, None
        for operation in sorted(sequence, key=lambda one: one.invoked):
            if operation.verb in ("create", "update", "patch") and operation.outcome == linearizability.OK:
                if operation.revision > position:
                    position, last = operation.revision, operation
            if operation.verb != "old get" or operation.reason not in ("", "NotFound"):
                continue
            shown = [span for span in spans(versions, operation) if span[1] >= position]
            if not shown:
                problems.append(f"a read that may be old goes back behind {position} over one connection:\n  "
                                f"{last.text() if last else ''}\n  {operation.text()}")
            elif shown[0][0] > position:
                position, last = shown[0][0], operation
    return problems


def spans(versions, operation):
    """From which revision to which the register was as the operation saw it."""
    order = versions.order.get(operation.key, [])
    states = [(revision, versions.by_key[operation.key][revision]) for revision in order]
    ends = [revision - 1 for revision in order[1:]] + [float("inf")]
    if operation.outcome == linearizability.OK:
        return [(revision, end) for (revision, _), end in zip(states, ends) if revision == operation.revision]
    absent = [(revision, end) for (revision, item), end in zip(states, ends) if item is DELETED]
    return [(0, order[0] - 1 if order else float("inf")), *absent]


def check_segment(segment, versions):
    """The watch shows all that was committed, each once and in order."""
    what = f"the watch {segment.watcher} of {segment.scope.text()} from {segment.start}"
    problems = compare_state(versions, segment.scope, segment.start, segment.items, f"the list of {what}")
    kind, shown, last = segment.scope.kind, [], segment.start
    for event, item, server in segment.events:
        revision = revision_of(item)
        if revision <= last:
            problems.append(f"{what} goes from {last} to {revision} at {server}: {event} {item}")
        last = max(last, revision)
        shown.append((revision, key_of(kind, item), event, item))
    end = segment.end or last
    shown = [one for one in shown if one[0] <= end]
    return problems + differences(what, shown, versions.events(segment.scope, segment.start, end))


def differences(what, shown, expected):
    """The first place where the events are not what they should be."""
    for index in range(max(len(shown), len(expected))):
        left = shown[index] if index < len(shown) else None
        right = expected[index] if index < len(expected) else None
        if left and right and left[:3] == right[:3] and same(left[3], right[3]):
            continue
        near = "\n".join(f"    {one[0]} {name_of(one[1])} {one[2]}" for one in shown[max(0, index - 3):index])
        if left and right and left[:2] == right[:2]:
            problem = f"shows {left[2]}\n  {left[3]}\n  which should be {right[2]}\n  {right[3]}"
        elif right and (not left or right[:2] < left[:2]):
            problem = f"lacks {right[0]} {name_of(right[1])} {right[2]}"
        else:
            problem = f"shows what was not committed, or twice: {left[0]} {name_of(left[1])} {left[2]}"
        return [f"{what} {problem}\n  behind\n{near}"]
    return []


def check_end(segment, items):
    """The state that the list and the events add up to is the one that a list shows in the end."""
    kind = segment.scope.kind
    folded = {key_of(kind, item): item for item in segment.items}
    problems = []
    for event, item, _ in segment.events:
        key = key_of(kind, item)
        if (event == "ADDED") == (key in folded):
            problems.append(f"{event} {name_of(key)} at {revision_of(item)}, "
                            f"which was {'present' if key in folded else 'absent'}")
        if event == "DELETED":
            folded.pop(key, None)
        else:
            folded[key] = item
    final = {key_of(kind, item): item for item in items}
    problems += [f"ends with {name_of(key)} as\n  {folded.get(key)}\n  but it is\n  {final.get(key)}"
                 for key in sorted(set(folded) | set(final)) if not same(folded.get(key), final.get(key))]
    return [f"the watch {segment.watcher} of {segment.scope.text()}: {problem}" for problem in problems[:3]]
