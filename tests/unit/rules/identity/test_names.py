"""Which spellings are the same name, and which are not. All invented."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.identity.names import normalise_name, same_name

SAME = [
    ("张三", " 张　三 ", "padding to the width of three characters"),
    ("张三", "\ufeff张\u200b三\u00a0", "BOM, zero-width space, no-break space"),
    ("张三", "张\r\n三", "a line break inside a spreadsheet cell"),
    ("葛", "葛\U000e0100", "a variation selector picks a glyph, not a character"),
    ("阿依古丽·买买提", "阿依古丽•买买提", "bullet"),
    ("阿依古丽·买买提", "阿依古丽・买买提", "katakana dot"),
    ("阿依古丽·买买提", "阿依古丽･买买提", "half-width katakana dot"),
    ("阿依古丽·买买提", "阿依古丽‧买买提", "hyphenation point"),
    ("阿依古丽·买买提", "阿依古丽．买买提", "full-width full stop"),
    ("阿依古丽·买买提", "阿依古丽.买买提", "full stop"),
    ("阿依古丽·买买提", "阿依古丽 · 买买提", "spaces around the dot"),
    ("淮安某某（集团）有限公司", "淮安某某(集团)有限公司", "width of brackets"),
    ("淮安ＡＢＣ科技有限公司", "淮安abc 科技有限公司", "Latin inside a Chinese name: width, case, space"),
    ("Jane  DOE", "jane doe", "Latin: spaces collapse, case folds"),
    ("J. P. Example", "J.P.Example", "Latin: space after a dot"),
    ("STRASSE", "Straße", "case folding, not lower case"),
    ("José", "Jose\u0301", "composed and decomposed"),
    ("⼈名", "人名", "a radical character typed for the character"),
    ("王䶮", "王\ue863", "private use of GBK, now U+4DAE"),
    ("王龴", "王\ue81e", "private use of GB 18030-2000, now U+9FB4"),
    ("王𠂇", "王\ue816", "private use until GB 18030-2022, now outside the BMP"),
    ("王ḿ", "王\ue7c7", "private use of GB 18030-2000, now U+1E3F"),
]


@pytest.mark.parametrize(("one", "other", "why"), SAME)
def test_spellings_of_one_name(one: str, other: str, why: str) -> None:
    assert same_name(one, other), why
    assert same_name(other, one), why


DIFFERENT = [
    ("张三", "张山", "sound alike"),
    ("王䶮", "王龑", "variants are different characters in a register"),
    ("张三", "張三", "simplified and traditional: a register has one of them"),
    ("Jane Doe", "Janedoe", "Latin keeps the space between words"),
    ("淮安某某有限公司", "淮安某某有限公司清江浦分公司", "a branch is another subject"),
    ("", "", "no name equals nothing"),
    (" ", "\u200b", "nothing visible is no name"),
]


@pytest.mark.parametrize(("one", "other", "why"), DIFFERENT)
def test_names_that_differ(one: str, other: str, why: str) -> None:
    assert not same_name(one, other), why


# GB 18030-2022: two bytes, the private-use character they gave before, the character they give now.
MOVED = [
    (b"\xa6\xd9", "\ufe10"),
    (b"\xa6\xda", "\ufe12"),
    (b"\xa6\xdb", "\ufe11"),
    (b"\xa6\xdc", "\ufe13"),
    (b"\xa6\xf3", "\ufe19"),
    (b"\xa8\xbc", "\u1e3f"),
    (b"\xfe\x51", "\U00020087"),
    (b"\xfe\x52", "\U00020089"),
    (b"\xfe\x53", "\U000200cc"),
    (b"\xfe\x59", "\u9fb4"),
    (b"\xfe\x61", "\u9fb5"),
    (b"\xfe\x66", "\u9fb6"),
    (b"\xfe\x67", "\u9fb7"),
    (b"\xfe\x6c", "\U000215d7"),
    (b"\xfe\x6d", "\u9fb8"),
    (b"\xfe\x76", "\U0002298f"),
    (b"\xfe\x7e", "\u9fb9"),
    (b"\xfe\x90", "\u9fba"),
    (b"\xfe\x91", "\U000241fe"),
    (b"\xfe\xa0", "\u9fbb"),
]


@pytest.mark.parametrize(("sent", "now"), MOVED)
def test_what_the_codec_leaves_in_private_use_is_moved(sent: bytes, now: str) -> None:
    decoded = sent.decode("gb18030")
    assert "\ue000" <= decoded <= "\uf8ff", "the codec is still that of 2000; else this table can go"
    assert normalise_name(f"王{decoded}") == normalise_name(f"王{now}")


def test_no_private_use_of_gbk_names_is_left() -> None:
    every = "".join(map(chr, range(0xE815, 0xE865)))
    assert not [c for c in normalise_name(every) if "\ue000" <= c <= "\uf8ff"]


@given(st.text())
def test_normalising_is_idempotent(text: str) -> None:
    once = normalise_name(text)
    assert normalise_name(once) == once


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1), st.data())
def test_spaces_anywhere_in_a_chinese_name_do_not_matter(name: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(name)))
    space = data.draw(st.sampled_from(["\u3000", " ", "\u00a0", "\u200b", "\ufeff", "\t", "\n"]))
    assert normalise_name(name[:place] + space + name[place:]) == name
