"""The shipped pack: measures of 办法一 Art. 14, incentives of Art. 13 and those of e-commerce, in their scenes."""

from datetime import date

import pytest

from config.files import load_departments
from config.policy_file import examples_path, load_examples, load_policy
from config.settings import Settings
from rules.policy.examples import Example, run_example
from rules.policy.review import review
from rules.vocabulary import Outcome

TODAY = date(2026, 11, 23)
PATH = Settings().policy
POLICY = load_policy(PATH)
EXAMPLES = load_examples(examples_path(PATH), POLICY.pack.pack)
PACK = POLICY.pack


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_each_example_comes_out_as_its_article_says(example: Example) -> None:
    """The verdict of each example equals the expected one."""
    assert run_example(POLICY, example, TODAY).differs == ()


@pytest.mark.parametrize(
    "article",
    [
        *(f"办法一第十三条（{n}）" for n in "一二三四"),
        *(
            f"办法一第十四条（{n}）"
            for n in "一 二 三 四 五 六 七 八 九 十 十一 十二 十三 十四 十五".split()  # noqa: SIM905
        ),
        *("个人意见五（二）", "个人意见六（二）", "电商意见五（一）", "电商意见五（二）", "办法一第四条"),
    ],
)
def test_each_article_is_shown_by_an_example(article: str) -> None:
    """Each measure of the law has an example, in a scene where it affects the decision."""
    assert [example.name for example in EXAMPLES if example.article == article]


def test_every_rule_and_every_measure_is_shown() -> None:
    """Each rule fires in an example, and each measure belongs to a rule."""
    tried = [run_example(POLICY, example, TODAY) for example in EXAMPLES]
    assert {rule.id for rule in PACK.rules} - {rule for item in tried for rule in item.fired} == set()
    used = {code for rule in PACK.rules for code in rule.then.measures}
    assert PACK.measures.keys() == used


def test_at_least_fourteen_scenes_over_all_fields() -> None:
    """The scenes cover approval, bidding, funds, finance, e-commerce, consumption, employment and honours."""
    assert len(PACK.scenes) >= 14
    fields = {scene.partition(".")[0] for scene in PACK.scenes}
    assert {"approval", "bidding", "funds", "finance", "ecommerce", "consumption", "employment", "honours"} <= fields


def test_no_rule_is_idle_or_contradicts_another() -> None:
    """The review of the pack finds nothing."""
    assert review(POLICY, load_departments(Settings().departments), TODAY) == []


def test_loans_and_flights_are_denied_only_with_basis() -> None:
    """Lenders get a warning at most; only the court's listings stop high consumption (依法依规)."""
    for rule in PACK.rules:
        if "finance.loan" in rule.scenes:
            assert rule.then.outcome.rank <= Outcome.WARN.rank
        if "consumption.high" in rule.scenes and rule.then.outcome.rank > Outcome.WARN.rank:
            assert rule.when.authorities == frozenset({"court"})
            assert rule.when.categories == frozenset({"C07"})


def test_a_block_cites_an_article_that_orders_it() -> None:
    """A rule that locks or intercepts cites Art. 14 or one of the two opinions, never only the duty to query."""
    for rule in PACK.rules:
        if rule.then.outcome.rank >= Outcome.LOCK.rank:
            assert {basis.document for basis in rule.basis} & {"joint-discipline", "personal-integrity", "e-commerce"}
