"""Questions about a graph given as {node: the nodes it needs}."""

from collections.abc import Iterable, Mapping


def find_cycle(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """The names along one circle, first and last the same; empty when there is none. Unknown needs are passed over."""
    done: set[str] = set()
    for start in needs:
        path: list[str] = []
        stack = [(start, iter(needs[start]))] if start not in done else []
        if stack:
            path.append(start)
        while stack:
            node, rest = stack[-1]
            nxt = next((need for need in rest if need in needs and need not in done), None)
            if nxt is None:
                done.add(node)
                path.pop()
                stack.pop()
            elif nxt in path:
                return [*path[path.index(nxt) :], nxt]
            else:
                path.append(nxt)
                stack.append((nxt, iter(needs[nxt])))
    return []


def compute_levels(needs: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """How many stages stand before each on its longest way from a start; the graph has no cycle."""
    level: dict[str, int] = {}
    remaining = dict(needs)
    while remaining:
        ready = [node for node, before in remaining.items() if all(need in level for need in before)]
        for node in ready:
            level[node] = max((level[need] + 1 for need in remaining.pop(node)), default=0)
        if not ready:
            raise ValueError("the graph has a cycle")
    return level
