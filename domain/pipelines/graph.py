"""Algorithms on graphs given as {node: the nodes it needs}."""

from collections.abc import Collection, Iterable, Mapping


def find_cycle(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the nodes of one cycle, with the first one repeated at the end; empty if there is none. Unknown nodes are ignored."""
    return _walk(needs)[1]


def sort_topologically(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the nodes, each after those that it needs. Raises ValueError if the graph has a cycle. Unknown nodes are ignored."""
    order, cycle = _walk(needs)
    if cycle:
        raise ValueError("the graph has a cycle: " + " → ".join(cycle))
    return order


def find_upstream(node: str, needs: Mapping[str, Iterable[str]]) -> set[str]:
    """Return all nodes that a node needs, directly or through others."""
    upstream: set[str] = set()
    pending = list(needs[node])
    while pending:
        need = pending.pop()
        if need not in upstream:
            upstream.add(need)
            pending += needs[need]
    return upstream


def _walk(needs: Mapping[str, Iterable[str]]) -> tuple[list[str], list[str]]:
    """Visit the nodes depth first. Return them in topological order, up to the first cycle, and that cycle."""
    done: dict[str, None] = {}
    for start in needs:
        if start in done:
            continue
        path, stack = {start: None}, [iter(needs[start])]
        while stack:
            following = next((need for need in stack[-1] if need not in done and need in needs), None)
            if following is None:
                stack.pop()
                done[path.popitem()[0]] = None
            elif following in path:
                nodes = list(path)
                return list(done), [*nodes[nodes.index(following) :], following]
            else:
                path[following] = None
                stack.append(iter(needs[following]))
    return list(done), []


def compute_levels(needs: Mapping[str, Collection[str]]) -> dict[str, int]:
    """Return the length of the longest path from a start to each node. Raises ValueError if the graph has a cycle."""
    level: dict[str, int] = {}
    for node in sort_topologically(needs):
        level[node] = 1 + max(map(level.__getitem__, needs[node]), default=-1)
    return {node: level[node] for node in needs}


def remove_implied_needs(needs: Mapping[str, Collection[str]]) -> dict[str, tuple[str, ...]]:
    """Return the graph without the needs that follow from others: of a → b, b → c and a → c, the last one.

    Raises ValueError if the graph has a cycle.
    """
    order = sort_topologically(needs)
    position = {node: index for index, node in enumerate(order)}
    ancestors: list[int] = []  # of each node, as a set of bits
    direct: dict[str, tuple[str, ...]] = {}
    for node in order:
        reached, kept = 0, set()
        for index in sorted({position[need] for need in needs[node]}, reverse=True):  # only later nodes imply a need
            if not reached >> index & 1:
                reached |= ancestors[index] | 1 << index
                kept.add(order[index])
        ancestors.append(reached)
        direct[node] = tuple(need for need in dict.fromkeys(needs[node]) if need in kept)
    return {node: direct[node] for node in needs}
