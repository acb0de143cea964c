"""The cache returns only listings that were read and have not changed since, and its size is bounded."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from rules.listings.listing import Listing
from rules.vocabulary import DataClass, Determination, ListColour, Severity
from store.replica.cache import ListingCache

KEYS, LISTINGS = ["k1", "k2", "k3", "k4"], ["a", "b", "c"]


def listing(key: str) -> Listing:
    return Listing(
        key,
        "court",
        ListColour.BLACK,
        "C07",
        Severity.SEVERE,
        Determination.LIST_DECISION,
        DataClass.PUBLIC,
        "1号",
        "第一条",
        date(2026, 1, 1),
    )


kept = st.tuples(st.just("keep"), st.sampled_from(KEYS), st.lists(st.sampled_from(LISTINGS), min_size=1, unique=True))
changed = st.tuples(st.just("forget"), st.sampled_from(LISTINGS), st.lists(st.sampled_from(KEYS), unique=True))


@given(st.lists(kept | changed, max_size=40))
def test_cache_returns_only_kept_listings(steps: list[tuple[str, str, list[str]]]) -> None:
    """Compared with a simple model: a change drops every key under which the listing is or was filed."""
    cache, model = ListingCache(), dict[str, list[str]]()
    for step, name, others in steps:
        if step == "keep":
            cache.put({name: [listing(each) for each in others]})
            model[name] = others
        else:
            cache.invalidate(name, others)
            model = {key: found for key, found in model.items() if name not in found and key not in others}
    for key in KEYS:
        found = cache.get([key])
        assert (found and [each.key for each in found[key]]) == model.get(key)
    assert len(cache) == len(model)
    assert (cache.get(KEYS) is not None) == (len(model) == len(KEYS))


def test_least_recently_used_entry_is_evicted() -> None:
    """The size is bounded, and recently used keys are kept."""
    cache = ListingCache(max_keys=3)
    for key in ("k1", "k2", "k3"):
        cache.put({key: [listing("a")]})
    assert cache.get(["k1"])
    cache.put({"k4": [listing("a")]})
    assert [key for key in KEYS if cache.get([key])] == ["k1", "k3", "k4"]
    cache.invalidate("a", ())
    assert len(cache) == 0
