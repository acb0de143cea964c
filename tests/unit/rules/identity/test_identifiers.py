"""Identifiers: what is accepted as which type, what is refused, and that faults reveal nothing. All invented."""

import pickle
import string
from collections.abc import Iterable
from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rules.identity.faults import IDENTIFIER_FAULTS
from rules.identity.forms import (
    PROVINCES,
    USCC_ALPHABET,
    org_check,
    person_check,
    to_18_digits,
    uscc_check,
)
from rules.identity.identifiers import (
    Identifier,
    IdType,
    InvalidIdentifierError,
    MaskedNumber,
    SubjectKind,
    fold,
    parse_identifier,
)

TODAY = date(2026, 11, 23)
RESIDENT = "32082919880315006X"
USCC = "91320800MA1TE5T0XK"
OLD = "320821650101001"
OLD_AS_18 = "320821196501010010"


def whole(text: str, id_type: str | None = None, today: date = TODAY) -> Identifier:
    number = parse_identifier(text, id_type, today=today)
    assert isinstance(number, Identifier)
    return number


def masked(text: str, id_type: str | None = None) -> MaskedNumber:
    number = parse_identifier(text, id_type, today=TODAY)
    assert isinstance(number, MaskedNumber)
    return number


def fault(text: str, id_type: str | None = None, today: date = TODAY) -> str:
    with pytest.raises(InvalidIdentifierError) as caught:
        parse_identifier(text, id_type, today=today)
    return caught.value.code


def refusal(text: str, id_type: str | None) -> InvalidIdentifierError | None:
    try:
        parse_identifier(text, id_type, today=TODAY)
    except InvalidIdentifierError as error:
        return error
    return None


def person(first_17: str) -> str:
    return first_17 + person_check(first_17)


def credit_code(first_17: str) -> str:
    return first_17 + uscc_check(first_17)


# ---------------------------------------------------------------- accepted


ACCEPTED = [
    # text, type, canonical, warnings, why
    (RESIDENT, IdType.RESIDENT_ID, f"person:{RESIDENT}", (), "check character X"),
    (OLD_AS_18, IdType.RESIDENT_ID, f"person:{OLD_AS_18}", (), "born 1965 in a county abolished since"),
    (OLD, IdType.RESIDENT_ID, f"person:{OLD_AS_18}", (), "15 digits: the same subject as its 18"),
    ("810000199001010019", IdType.RESIDENCE_PERMIT, "person:810000199001010019", (), "Hong Kong"),
    ("830000199001010012", IdType.RESIDENCE_PERMIT, "person:830000199001010012", (), "Taiwan"),
    ("911840198001010013", IdType.FOREIGN_PERMANENT, "person:911840198001010013", (), "form of 2023"),
    ("USA110080010101", IdType.FOREIGN_PERMANENT, "person:USA110080010101", (), "older letter form"),
    (USCC, IdType.USCC, "org:MA1TE5T0X", (), "company"),
    ("92320803MA1TE5T18U", IdType.USCC, "org:MA1TE5T18", (), "个体工商户"),
    ("93320830MA1TE5T26N", IdType.USCC, "org:MA1TE5T26", (), "farmers' cooperative"),
    ("N2320831MF0TE5T30D", IdType.USCC, "org:MF0TE5T30", (), "rural collective: first character N"),
    ("12320800466000125L", IdType.USCC, "org:466000125", (), "事业单位: digits but for the last"),
    ("54320800MJ5TE5T428", IdType.USCC, "org:MJ5TE5T42", (), "social organisation"),
    ("91350100M000100Y43", IdType.USCC, "org:M000100Y4", (), "sample of the standard itself"),
    ("MA1TE5T0X", IdType.ORG_CODE, "org:MA1TE5T0X", (), "organisation code alone: same as its credit code"),
    ("46600012-5", IdType.ORG_CODE, "org:466000125", (), "as printed, with the hyphen"),
]


@pytest.mark.parametrize(("text", "id_type", "canonical", "warnings", "why"), ACCEPTED)
def test_accepted_numbers_have_their_type_and_one_canonical_form(
    text: str, id_type: IdType, canonical: str, warnings: tuple[str, ...], why: str
) -> None:
    number = whole(text)
    assert (number.type, number.canonical, number.warnings) == (id_type, canonical, warnings), why
    assert number.kind is id_type.kind
    assert number.checked is not (text[:3] == "USA"), "only the letter form has no check character"
    assert whole(text, id_type) == number, "declaring the right type changes nothing"


SPELLINGS = [
    (RESIDENT.lower(), "lower case"),
    ("32082919880315006Ｘ", "full-width X"),
    ("32082919880315006Х", "Cyrillic Ha"),
    ("32082919880315006χ", "Greek chi"),
    ("32082919880315006Ⅹ", "Roman numeral ten, as Chinese input methods offer it"),
    ("３２０８２９１９８８０３１５００６Ｘ", "all full-width"),
    (" 320829 19880315 006X\t", "groups and a tab"),
    ("\ufeff320829\u300019880315\u00a0006\u200bX", "BOM, ideographic, no-break and zero-width space"),
    ("320829-19880315—006－X", "hyphen, em dash, full-width hyphen"),
    ("320829−19880315─006ーX", "minus, box drawing, katakana length mark"),
    ("\u202a32082919880315006X\u202c", "direction marks, as copied from Windows' own dialogs"),
]


@pytest.mark.parametrize(("text", "why"), SPELLINGS)
def test_spellings_of_one_number_are_one_subject(text: str, why: str) -> None:
    assert whole(text) == whole(RESIDENT), why


def test_15_digit_centenarians_have_a_19th_century_birth() -> None:
    assert whole("320821990101996").value[6:14] == "18990101"
    assert whole("320821990101995").value[6:14] == "19990101"


WARNED = [
    (person("99082119650101001"), (), "first digit 9: no region of ours is read from it"),
    (person("78082119650101001"), ("region_unknown",), "no province 78"),
    (person("81010119900101001"), ("region_unknown",), "a permit ends its region in 0000"),
    (credit_code("91990800MA1TE5T0X"), ("region_unknown",), "no province 99"),
    (credit_code("A1ABCD00MA1TE5T0X"), ("region_unknown",), "a region of letters"),
    (credit_code("91100000MA1TE5T0X"), (), "100000: registered with the State"),
    (credit_code("91320800MA1TE5T00"), ("organisation_check_digit",), "GB 11714 part fails, GB 32100 holds"),
    ("320800000123017", ("may_be_registration_number",), "MOD 11,10 holds and the birth would be 1900"),
]


@pytest.mark.parametrize(("text", "warnings", "why"), WARNED)
def test_oddities_that_standards_allow_only_warn(text: str, warnings: tuple[str, ...], why: str) -> None:
    assert whole(text).warnings == warnings, why


# ---------------------------------------------------------------- refused


REFUSED = [
    ("", None, "identifier_empty", "nothing"),
    (" \u3000\u200b\ufeff-", None, "identifier_empty", "nothing visible"),
    ("3208291988031500", None, "identifier_length", "16 characters"),
    ("1" * 300, None, "identifier_length", "refused before it costs anything"),
    (OLD, "uscc", "identifier_type_mismatch", "a person's number declared as a credit code"),
    ("320821651301001", "uscc", "identifier_length", "no organisation has 15 characters"),
    ("无", None, "identifier_characters", "a word in place of a number"),
    ("３２０８２９１９８８０３１５０⓪６X", None, "identifier_characters", "circled digits are damage, not width"),
    ("٣٢٠٨٢٩١٩٨٨٠٣١٥٠٠٦X", None, "identifier_characters", "Arabic digits, which int() would take"),
    ("32082919880315OO6X", None, "identifier_characters", "letter O for zero: told, not folded"),
    ("9132O800MA1TE5T0XK", None, "identifier_characters", "the same in a credit code"),
    ("Z1320800MA1TE5T0XK", None, "identifier_characters", "no register has the letter Z"),
    ("ABCD12345678901", None, "identifier_characters", "15 characters in neither form"),
    ("4660001-2Y", None, "identifier_characters", "an organisation code ends in a digit or X"),
    ("320829198803150069", None, "identifier_check_digit", "wrong check character"),
    ("32082919880351006X", None, "identifier_check_digit", "transposed; a date is looked at only after"),
    ("91320800MA1TE5T0XL", None, "identifier_check_digit", "wrong check character"),
    ("466000124", None, "identifier_check_digit", "wrong check character"),
    (person("32082919900230001"), None, "identifier_birth_date", "30 February"),
    (person("32082920990101001"), None, "identifier_birth_date", "born in the future"),
    (person("32082910000101001"), None, "identifier_birth_date", "born in the year 1000"),
    ("320821651301001", None, "identifier_birth_date", "15 digits with month 13"),
    ("110108000000016", None, "identifier_registration_number", "工商注册号, MOD 11,10"),
    (RESIDENT, "passport", "identifier_type_unknown", "a type nobody defined"),
    (RESIDENT, "", "identifier_type_unknown", "an empty type is not no type"),
    (RESIDENT, "uscc", "identifier_type_mismatch", "a person declared as an organisation"),
    (USCC, "resident_id", "identifier_type_mismatch", "an organisation declared as a person"),
    ("466000125", "resident_id", "identifier_type_mismatch", "the same by organisation code"),
    ("****", None, "identifier_masked_whole", "shows nothing"),
    ("……", None, "identifier_masked_whole", "shows nothing"),
    ("3208*3224", "resident_id", "identifier_length", "9 characters are no person's"),
    ("3208****3224", None, "identifier_length", "twelve characters are nobody's; an ellipsis would do"),
    ("320821…196501010010", None, "identifier_length", "18 visible and more hidden"),
    ("3208111964张***3224", None, "identifier_characters", "a name inside"),
    ("320811×××××××××3224", None, "identifier_characters", "× is neither X nor one of the mask characters"),
]


@pytest.mark.parametrize(("text", "id_type", "code", "why"), REFUSED)
def test_refused_numbers_say_why(text: str, id_type: str | None, code: str, why: str) -> None:
    assert fault(text, id_type) == code, why


def test_the_day_is_a_parameter() -> None:
    newborn = person("32082920261123001")
    assert whole(newborn, today=date(2026, 11, 23)).value == newborn
    assert fault(newborn, today=date(2026, 11, 22)) == "identifier_birth_date"


# ---------------------------------------------------------------- 18 characters, two readings


def valid_both_ways(first_17: Iterable[str]) -> str:
    """The first that passes MOD 31 and MOD 11-2, and whose organisation part passes MOD 11."""
    return next(
        first + person_check(first)
        for first in first_17
        if uscc_check(first) == person_check(first) and org_check(first[8:16]) == first[16]
    )


def test_a_number_valid_both_ways_needs_its_type() -> None:
    both = valid_both_ways(f"1132081965{month:02}{rest:05}" for month in range(1, 10) for rest in range(1000, 29000))
    assert fault(both) == "identifier_ambiguous"
    assert whole(both, "resident_id").canonical == f"person:{both}"
    assert whole(both, "uscc").canonical == f"org:{both[8:17]}"
    assert whole(both, "org_code").type is IdType.USCC, "any type of the kind decides"


def test_a_resident_of_the_city_is_never_ambiguous() -> None:
    # One in 31 passes MOD 31, too; but 3208 leaves a credit code without a province.
    numbers = [person(f"32082119650101{sequence:03}") for sequence in range(1000)]
    both = [text for text in numbers if uscc_check(text[:17]) == text[17]]
    assert both, "the case is real"
    assert {whole(text).type for text in both} == {IdType.RESIDENT_ID}


def test_number_without_province_is_a_credit_code() -> None:
    both = valid_both_ways(f"1932081965{month:02}{rest:05}" for month in range(1, 10) for rest in range(1000, 29000))
    assert whole(both).type is IdType.USCC


def test_all_digit_credit_code_is_not_a_residence_permit() -> None:
    # One in eleven also passes MOD 11-2: refusing these would refuse almost every tenth old company.
    company = valid_both_ways(f"91320800{n:09}" for n in range(10**6))
    assert whole(company).type is IdType.USCC
    assert whole(company, "foreign_permanent_resident").type is IdType.FOREIGN_PERMANENT


def test_near_miss_of_a_declared_type_warns() -> None:
    assert whole(USCC, "org_code").warnings == ("declared_type_differs",)
    permit = whole("810000199001010019", "resident_id")
    assert (permit.type, permit.warnings) == (IdType.RESIDENCE_PERMIT, ("declared_type_differs",))


# ---------------------------------------------------------------- masked


MASKED = [
    ("3208111964****3224", "3208111964****3224", "as the court publishes"),
    ("3208111964＊＊＊＊3224", "3208111964****3224", "full-width asterisk"),
    ("3208111964••••3224", "3208111964****3224", "bullet"),
    ("3208111964····3224", "3208111964****3224", "middle dot"),
    ("3208111964 **** 3224", "3208111964****3224", "spaces"),
    ("3208…3224", "3208…3224", "ellipsis: length unknown"),
    ("3208……3224", "3208…3224", "the Chinese ellipsis is two"),
    ("3208**…*3224", "3208…3224", "mixed: length unknown"),
    ("320821650***001", "320821650***001", "15 digits"),
    ("32081119640101322*", "32081119640101322*", "one hidden"),
    ("32081119640101****", "32081119640101****", "hidden at the end"),
    ("****************6x", "****************6X", "X is a character like others"),
]


@pytest.mark.parametrize(("text", "pattern", "why"), MASKED)
def test_masked_numbers_have_one_normal_form(text: str, pattern: str, why: str) -> None:
    assert masked(text).pattern == pattern, why


FITS = [
    ("3208291988****006X", RESIDENT, True, "same places"),
    ("3208291988****006X", RESIDENT.lower(), True, "the value may be written as it likes"),
    ("3208291988****0061", RESIDENT, False, "last character differs"),
    ("3208…006X", RESIDENT, True, "ellipsis"),
    ("…006X", RESIDENT, True, "ellipsis in front"),
    ("3…8…6X", RESIDENT, True, "two of them"),
    ("3…7777…6X", RESIDENT, False, "what stands between them must stand there"),
    ("MA1T…E5T0X", "MA1TE5T0X", False, "an ellipsis hides at least one character"),
    ("320821650***001", OLD_AS_18, True, "older form of the same number"),
    ("320821…001", OLD_AS_18, True, "older form with an ellipsis"),
    ("320821650***002", OLD_AS_18, False, "older form of another"),
    ("3208219901**996", "320821189901019969", True, "centenarian's older form"),
    ("3208219901**001", "320821189901010017", False, "born 18xx without a centenarian's sequence"),
    ("9132****MA1TE5T0XK", USCC, True, "credit code"),
    ("MA1T***0X", USCC, True, "organisation code, which is part of the credit code"),
    ("65*101001", OLD_AS_18, False, "places 9 to 17 of a person are no organisation code"),
]


@pytest.mark.parametrize(("pattern", "value", "fits", "why"), FITS)
def test_could_be(pattern: str, value: str, fits: bool, why: str) -> None:
    assert masked(pattern).could_be(value) is fits, why


COMPATIBLE = [
    ("3208111964****3224", "320811********3224", True, "one hides more"),
    ("3208111964****3224", "320811****0101322*", True, "they overlap only in part"),
    ("3208111964****3224", "320811********3225", False, "the last differs"),
    ("3208…3224", "…4", True, "two ellipses"),
    ("3208…3224", "…5", False, "the last differs"),
    ("320821650***001", "320821********0010", True, "older and present form"),
    ("320821650***001", "320821********0020", False, "older form of another"),
    ("3208…3224", "320811 1964 ＊＊＊＊ 3224", True, "the other may be as written"),
    ("9132****MA1TE5T0XK", USCC, True, "an organisation's listing shows its whole number"),
]


@pytest.mark.parametrize(("one", "other", "agree", "why"), COMPATIBLE)
def test_compatible_in_both_directions(one: str, other: str, agree: bool, why: str) -> None:
    assert masked(one).compatible(other) is agree, why
    assert MaskedNumber(masked(one).pattern).compatible(other) is agree
    if "*" in fold(other) or "…" in other:
        assert masked(other).compatible(one) is agree, why


def test_display_hides_the_birth_date_of_persons_only() -> None:
    assert whole(RESIDENT).masked() == "320***********006X"
    assert whole("USA110080010101").masked() == "USA**********01"
    assert whole(USCC).masked() == USCC


def test_a_number_printed_by_accident_is_masked() -> None:
    assert RESIDENT not in repr(whole(RESIDENT))
    assert RESIDENT not in f"{[whole(RESIDENT)]}"


# ---------------------------------------------------------------- properties


provinces = st.sampled_from(sorted(PROVINCES))
births = st.dates(date(1900, 1, 1), TODAY).map(lambda day: day.strftime("%Y%m%d"))
numbers_4 = st.integers(0, 9999).map("{:04}".format)
sequences = st.integers(0, 999).map("{:03}".format)
residents = st.builds("{}{}{}{}".format, provinces, numbers_4, births, sequences).map(person)
old_residents = st.builds(
    lambda region, rest, birth, sequence: region + rest + birth[2:] + sequence,
    provinces,
    numbers_4,
    st.dates(date(1900, 1, 1), date(1999, 12, 31)).map(lambda day: day.strftime("%Y%m%d")),
    st.integers(0, 995).map("{:03}".format),
)
organisation_codes = st.text(string.digits + string.ascii_uppercase, min_size=8, max_size=8).map(
    lambda first: first + org_check(first)
)
credit_codes = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from("123456789ANY"),
    st.sampled_from("1239"),
    provinces,
    numbers_4,
    st.text(USCC_ALPHABET, min_size=9, max_size=9),
).map(credit_code)


@given(residents)
def test_every_resident_number_parses(text: str) -> None:
    number = whole(text, "resident_id")
    assert (number.value, number.canonical, number.checked) == (text, f"person:{text}", True)


@given(credit_codes)
def test_every_credit_code_parses(text: str) -> None:
    number = whole(text, "uscc")
    assert (number.value, number.canonical) == (text, f"org:{text[8:17]}")
    if "organisation_check_digit" not in number.warnings:
        assert whole(text[8:17]).canonical == number.canonical


@given(organisation_codes)
def test_every_organisation_code_parses(text: str) -> None:
    assert whole(f"{text[:8]}-{text[8]}").value == text


@given(residents)
def test_a_resident_number_is_never_filed_as_an_organisation(text: str) -> None:
    assert refusal(text, None) is None or fault(text) == "identifier_ambiguous"
    assert refusal(text, None) is not None or whole(text).kind is SubjectKind.PERSON


@given(residents, st.integers(0, 17), st.sampled_from("0123456789X"))
def test_mod_11_2_finds_every_single_error(text: str, place: int, other: str) -> None:
    assume(text[place] != other and (other != "X" or place == 17))
    wrong = text[:place] + other + text[place + 1 :]
    assert fault(wrong, "resident_id") in {"identifier_check_digit", "identifier_type_mismatch"}


@given(residents, st.integers(0, 16))
def test_mod_11_2_finds_every_transposition(text: str, place: int) -> None:
    wrong = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    assume(wrong != text)
    expected = {"identifier_check_digit", "identifier_characters", "identifier_type_mismatch"}
    assert fault(wrong, "resident_id") in expected


@given(credit_codes, st.integers(0, 17), st.sampled_from(USCC_ALPHABET))
def test_mod_31_finds_every_single_error(text: str, place: int, other: str) -> None:
    assume(text[place] != other and (place > 0 or other in "123456789ANY"))
    wrong = text[:place] + other + text[place + 1 :]
    assert fault(wrong, "uscc") in {"identifier_check_digit", "identifier_type_mismatch"}


@given(organisation_codes, st.sampled_from(string.digits))
def test_mod_11_finds_a_wrong_digit_for_a_digit(text: str, other: str) -> None:
    # Only digits: 36 characters cannot all differ modulo 11, so two letters may be equivalent.
    for place in (place for place in range(8) if text[place].isdigit() and text[place] != other):
        assert fault(text[:place] + other + text[place + 1 :]) == "identifier_check_digit"


@given(old_residents)
def test_15_and_18_digit_forms_are_one_subject(text: str) -> None:
    old = whole(text)
    assert old == Identifier(
        IdType.RESIDENT_ID, old.value, f"person:{to_18_digits(text)}", SubjectKind.PERSON, True, old.warnings
    )
    assert whole(old.value, "resident_id").canonical == old.canonical
    assert old.value[:6] + old.value[8:17] == text


@given(st.text())
def test_folding_is_idempotent(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.one_of(residents, old_residents, credit_codes, organisation_codes), st.data())
def test_a_number_with_characters_hidden_could_be_that_number(value: str, data: st.DataObject) -> None:
    hidden = data.draw(st.sets(st.integers(0, len(value) - 1), min_size=1, max_size=len(value) - 1))
    starred = "".join("*" if place in hidden else c for place, c in enumerate(value))
    first, last = min(hidden), max(hidden)
    shortened = value[:first] + "…" + value[last + 1 :]
    assert masked(starred).could_be(value)
    assert masked(starred).compatible(starred)
    if shortened != "…":
        assert masked(shortened).could_be(value)
        assert masked(shortened).compatible(starred)


@given(residents, residents)
def test_display_form_matches_only_its_number(one: str, other: str) -> None:
    pattern = masked(whole(one, "resident_id").masked())
    assert pattern.could_be(one)
    assert pattern.could_be(other) is (one[:3] == other[:3] and one[-4:] == other[-4:])


@given(
    st.one_of(st.text(), st.text(string.digits + "X*…", max_size=20), residents.map(lambda r: r[:17] + "*X")),
    st.sampled_from([None, *IdType, "passport"]),
)
def test_refusals_never_quote_the_number(text: str, id_type: str | None) -> None:
    error = refusal(text, id_type)
    if error is not None:
        said = ((error.message, error.message_zh), (error.hint, error.hint_zh))
        assert said == IDENTIFIER_FAULTS[error.code], "fixed sentences cannot repeat the input"
        assert str(error) == error.message
        assert error.args == (error.code,)
        assert error.__context__ is None, "no inner exception carries the text along"


def test_a_refusal_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(InvalidIdentifierError("identifier_empty")))  # noqa: S301
    assert (error.code, error.text) == ("identifier_empty", InvalidIdentifierError("identifier_empty").text)


def test_refusal_does_not_reveal_the_check_character() -> None:
    # The message must not help to complete a guessed number.
    error = InvalidIdentifierError("identifier_check_digit")
    assert not any(c.isdigit() for c in error.text.en + error.text.zh)
