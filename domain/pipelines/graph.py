"""Algorithms on graphs given as {node: the nodes it needs}."""

from collections.abc import Iterable, Mapping


def find_cycle(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the nodes of one cycle, with the first one repeated at the end; empty if there is none. Unknown nodes are ignored."""
    done: set[str] = set()
    for start in needs:
        path: list[str] = []
        stack = [(start, iter(needs[start]))] if start not in done else []
        if stack:
            path.append(start)
        while stack:
            node, rest = stack[-1]
            following = next((need for need in rest if need in needs and need not in done), None)
            if following is None:
                done.add(node)
                path.pop()
                stack.pop()
            elif following in path:
                return [*path[path.index(following) :], following]
            else:
                path.append(following)
                stack.append((following, iter(needs[following])))
    return []


def compute_levels(needs: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """Return the length of the longest path from a start to each node. Raises ValueError if the graph has a cycle."""
    level: dict[str, int] = {}
    remaining = dict(needs)
    while remaining:
        ready = [node for node, before in remaining.items() if all(need in level for need in before)]
        for node in ready:
            level[node] = max((level[need] + 1 for need in remaining.pop(node)), default=0)
        if not ready:
            raise ValueError("the graph has a cycle")
    return level
