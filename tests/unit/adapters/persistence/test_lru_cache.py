"""What a process keeps of what it read stays bounded."""

from adapters.persistence.lru_cache import LruCache


def test_what_was_used_longest_ago_makes_place() -> None:
    kept: LruCache[str, int] = LruCache(size=2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.get("a") == 1

    kept.put("c", 3)

    assert [kept.get(key) for key in "abc"] == [1, None, 3]


def test_heavy_values_make_place_by_their_weight_and_one_too_heavy_is_not_kept() -> None:
    kept: LruCache[str, int] = LruCache(size=10)
    kept.put("a", 1, weight=4)
    kept.put("b", 2, weight=4)
    kept.put("c", 3, weight=6)
    assert [kept.get(key) for key in "abc"] == [None, 2, 3]

    kept.put("d", 4, weight=11)
    assert [kept.get(key) for key in "bcd"] == [2, 3, None]

    kept.put("e", 5, weight=10)
    assert [kept.get(key) for key in "bcde"] == [None, None, None, 5]


def test_a_value_put_again_weighs_once() -> None:
    kept: LruCache[str, int] = LruCache(size=3)
    for _ in range(5):
        kept.put("a", 1, weight=2)

    kept.put("b", 2)

    assert (kept.get("a"), kept.get("b")) == (1, 2)
