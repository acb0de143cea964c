"""Validation of a feed record: which authority may send what, and the code of each fault."""

from itertools import permutations
from typing import Any

import orjson
import pytest

from rules.faults import InvalidRecordError
from rules.listings.indexer import more_restrictive_class
from rules.records.feed_record import feed_record_from, feed_record_from_json, feed_record_json
from rules.vocabulary import DataClass
from tests.unit.records import ORGANISATION, PERSON, person, record, removal
from tests.unit.validator import TODAY, VALIDATOR, admit, filed


@pytest.mark.parametrize(
    ("value", "code", "path"),
    [
        ([], "record_not_object", "$"),
        (record(record_no=""), "field_invalid", "$.record_no"),
        (record(category="C13"), "field_invalid", "$.category"),
        (record(version=-1), "field_invalid", "$.version"),
        (record(determined_on="2026-13-01"), "field_invalid", "$.determined_on"),
        (record(operation="delete"), "field_invalid", "$.operation"),
        (record(authority="weather-bureau"), "authority_unknown", "$.authority"),
        (record(category="R04"), "category_list_mismatch", "$.category"),
        (record(category="C01"), "category_not_permitted", "$.category"),  # 谁主管、谁认定: not for the court
        (record(determined_on="2026-11-24"), "determined_in_future", "$.determined_on"),
        (record(valid_until="2026-08-11"), "validity_reversed", "$.valid_until"),
        (record(subject={"id": "91320800MA1TE5T0XJ"}), "identifier_check_digit", "$.subject.id"),
        (record(subject={"id": ""}), "field_invalid", "$.subject.id"),
        (record(subject={"kind": "natural_person"}), "subject_kind_mismatch", "$.subject.kind"),
        (record(subject=person(id="32081120120101001X")), "subject_minor", "$.subject.id"),
    ],
)
def test_refused_with_a_stable_code(value: Any, code: str, path: str) -> None:  # noqa: ANN401
    """Each defect has one code and a path."""
    with pytest.raises(InvalidRecordError) as refused:
        admit(value)
    assert (refused.value.code, refused.value.path) == (code, path)


@pytest.mark.parametrize("value", [record(list=PERSON), record(subject={"kind": PERSON}), record(operation=PERSON)])
def test_a_fault_never_repeats_what_was_sent(value: Any) -> None:  # noqa: ANN401
    """An identifier in the wrong field must not appear in the reason of a dead letter."""
    with pytest.raises(InvalidRecordError) as refused:
        admit(value)
    assert PERSON not in str(refused.value.as_dict())


def test_sender_must_be_the_authority() -> None:
    """A record of another authority is refused; a record without an authority gets its sender's."""
    with pytest.raises(InvalidRecordError) as refused:
        admit(record(), sender="taxation")
    assert refused.value.code == "authority_mismatch"
    nameless = {key: value for key, value in record().items() if key != "authority"}
    assert admit(nameless, sender="court").record.authority == "court"


def test_claim_files_under_number_and_name() -> None:
    """A complete identifier has a number key and a name key, a masked one only a name key."""
    (whole,), (masked,) = filed(record()), filed(record(subject=person(id="320829198803****6X")))
    assert len(whole.lookup_keys) == 2
    assert len(masked.lookup_keys) == 1
    assert whole.listing.checked
    assert not masked.listing.checked


def test_no_identifier_in_what_the_register_holds() -> None:
    """Neither the register's listing nor its keys contain a person's identifier or name."""
    claim, (kept,) = admit(record(subject=person())), filed(record(subject=person()))
    shown = f"{kept} {claim.key} {claim.order}"
    assert PERSON not in shown
    assert "沈知微" not in shown


def test_organisation_code_is_the_same_subject() -> None:
    """组织机构代码 is characters 9–17 of the credit code and means the same subject."""
    (by_code,) = filed(record(subject={"id": ORGANISATION[8:17], "id_type": "org_code"}))
    assert by_code.subject_key == filed(record())[0].subject_key


def test_order_is_total_and_independent_of_arrival() -> None:
    """A later version has a higher order, as has a removal of the same version; a record always has the same order."""
    events = [record(version=1), record(version=2), removal(version=2), record(version=3)]
    expected = [admit(event).order for event in events]
    assert expected == sorted(expected)
    for arrival in permutations(events):
        assert sorted(admit(event).order for event in arrival) == expected


def test_version_defaults_to_the_time_of_arrival() -> None:
    """Records without versions are ordered by arrival."""
    bare = record(version=None)
    early = VALIDATOR.validate(bare, today=TODAY, default_version=1, sender=None)
    late = VALIDATOR.validate(bare, today=TODAY, default_version=2, sender=None)
    assert early.order < late.order


def test_canonical_json_round_trips() -> None:
    """A record decoded from the JSON of the topic and the ledger equals the original."""
    for value in (record(responsible_persons=[{"role": "principal", "name": "陆行舟"}]), removal()):
        typed = feed_record_from(value)
        assert feed_record_from_json(feed_record_json(typed)) == typed
        assert feed_record_from(orjson.loads(feed_record_json(typed))) == typed


def test_data_class_is_narrowed_never_widened() -> None:
    """The more restrictive class of record and department applies; a record without one is ``authorised``."""
    assert more_restrictive_class(DataClass.PUBLIC, DataClass.GOVERNMENT) is DataClass.GOVERNMENT
    assert more_restrictive_class(DataClass.AUTHORISED, DataClass.PUBLIC) is DataClass.AUTHORISED
    unstated = {key: value for key, value in record().items() if key != "data_class"}
    assert filed(unstated)[0].listing.data_class is DataClass.AUTHORISED
