"""Feed record v1 (报送记录): what an authority sends about one listing.

The fields are those of 办法一 Art. 8 for natural persons and for organisations. The JSON Schema that departments
build against is made from these classes, with their docstrings as descriptions (``feed_record_schema``).
"""

from datetime import date
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from rules.faults import InvalidRecordError
from rules.identity.identifiers import IdType
from rules.vocabulary import (
    BasisKind,
    DataClass,
    Determination,
    ListColour,
    ObjectionResult,
    ObjectionSubject,
    ResponsibleRole,
    Severity,
)

MAX_RECORD_BYTES = 64 * 1024

Line = Annotated[str, Meta(min_length=1, max_length=256)]
Paragraph = Annotated[str, Meta(min_length=1, max_length=8000)]
RecordNumber = Annotated[str, Meta(min_length=1, max_length=128, description="记录编号，单位内唯一")]
Version = Annotated[
    int,
    Meta(
        ge=0,
        le=2**53,
        description="The authority's own sequence, or its update time in ms. An older version never wins.",
    ),
]
Category = Annotated[str, Meta(pattern=r"^(C(0[1-9]|1[0-2])|R0[1-4])$", description="办法一 Art. 5/6")]
AuthorityCode = Annotated[str, Meta(pattern=r"^[a-z0-9-]{2,64}$")]


class NaturalPerson(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="natural_person"):
    """自然人 (办法一 Art. 8（一）)."""

    name: Line
    id: Line
    id_type: IdType | None = None
    gender: Line | None = None
    age: Annotated[int, Meta(ge=0, le=150)] | None = None
    employer: Line | None = None


class Organisation(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="organisation"):
    """法人和其他组织 (办法一 Art. 8（二）)."""

    name: Line
    id: Line
    id_type: IdType | None = None
    registered_address: Line | None = None
    nature: Line | None = None
    legal_representative: Line | None = None


class ResponsiblePerson(Struct, frozen=True, forbid_unknown_fields=True):
    """A person responsible for a listed organisation (办法二 Art. 26)."""

    role: ResponsibleRole
    name: Line
    id: Line | None = None
    id_type: IdType | None = None


class ValidityBasis(Struct, frozen=True, forbid_unknown_fields=True):
    """What permits an end beyond the period of 办法二 Art. 27: 法律、法规、规章; no other document does."""

    kind: BasisKind
    text: Line


class ListRecord(Struct, frozen=True, forbid_unknown_fields=True, tag_field="operation", tag="list", kw_only=True):
    """Puts a subject on a list, or restates a listing with a higher version."""

    record_no: RecordNumber
    authority: AuthorityCode
    list: ListColour
    category: Category
    subject: NaturalPerson | Organisation
    facts: Paragraph
    basis: Paragraph
    document_no: Line
    determined_on: date
    version: Version | None = None
    severity: Severity = Severity.UNSPECIFIED
    determination: Determination = Determination.LIST_DECISION
    data_class: DataClass = DataClass.AUTHORISED
    valid_until: Annotated[date, Meta(description="最后一日（含）")] | None = None
    removed_on: Annotated[date, Meta(description="移出日期：当日 00:00 起不在名单")] | None = None
    validity_basis: ValidityBasis | None = None
    published_from: date | None = None
    published_until: date | None = None
    first_listing: Annotated[bool, Meta(description="是否初次列入")] | None = None
    responsible_persons: tuple[ResponsiblePerson, ...] = ()


class CorrectRecord(ListRecord, frozen=True, forbid_unknown_fields=True, tag_field="operation", tag="correct"):
    """The whole record as it should have been (更正, 办法一 Art. 16); it does not restore a removed listing."""

    corrected_on: date
    correction_document_no: Line
    reason: Paragraph | None = None


class _Act(Struct, frozen=True, forbid_unknown_fields=True, tag_field="operation", kw_only=True):
    """An act of the authority that concerns an existing listing."""

    record_no: RecordNumber
    authority: AuthorityCode
    determined_on: date
    version: Version | None = None
    reason: Paragraph | None = None


class RemoveRecord(_Act, frozen=True, tag="remove"):
    """Removes a listing from its list, by the document that permits it (办法一 Art. 20: 非经法定程序不得撤除)."""

    document_no: Line


class RepairRecord(_Act, frozen=True, tag="repair"):
    """The authority's repair opinion (信用修复意见); it takes effect after its publicity (办法一 Art. 19)."""

    document_no: Line
    publicity_from: Annotated[date, Meta(description="公示开始日")]


class ObjectRecord(_Act, frozen=True, tag="object"):
    """An objection (异议) received on ``determined_on``, to the listing or to its repair (办法一 Art. 15, 19)."""

    objection_no: RecordNumber
    concerns: ObjectionSubject = ObjectionSubject.LISTING


class ResolveRecord(_Act, frozen=True, tag="object_resolve"):
    """The resolution of an objection (办法一 Art. 16): if it is upheld, the listing counts as never made."""

    objection_no: RecordNumber
    document_no: Line
    result: ObjectionResult


class ArchiveRecord(_Act, frozen=True, tag="archive"):
    """Moves a listing to the archive (转为档案保存): it no longer counts (办法一 Art. 19, 20)."""

    document_no: Line


FeedRecord = ListRecord | CorrectRecord | RemoveRecord | RepairRecord | ObjectRecord | ResolveRecord | ArchiveRecord


def feed_record_from(value: Any) -> FeedRecord:  # noqa: ANN401 - whatever JSON holds
    """The typed record of decoded JSON. Raises ``InvalidRecordError``, which says where and never quotes a value."""
    if not isinstance(value, dict):
        raise InvalidRecordError("record_not_object")
    try:
        return msgspec.convert(value, FeedRecord)  # type: ignore[no-any-return]
    except msgspec.ValidationError as error:
        detail, _, path = str(error).partition(" - at `")
        code = "field_unknown" if "unknown field" in detail else "field_invalid"
        # The library quotes unknown enum and tag values, which may be anything that was sent.
        quotes_value = detail.startswith("Invalid")
        raise InvalidRecordError(
            code, path=path.rstrip("`") or "$", detail="Invalid value" if quotes_value else detail
        ) from None


def feed_record_json(record: FeedRecord) -> bytes:
    """The canonical JSON of a record, as topics and ledger store it."""
    return msgspec.json.encode(record)


_decoder: msgspec.json.Decoder[FeedRecord] = msgspec.json.Decoder(FeedRecord)


def feed_record_from_json(data: bytes) -> FeedRecord:
    """The inverse of ``feed_record_json``, for records that were validated before."""
    return _decoder.decode(data)


def feed_record_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of feed record v1."""
    schema = msgspec.json.schema(FeedRecord)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:creditgate:feed-record:1",
        "title": "CreditGate feed record v1 / 信用闸门报送记录 v1",
    } | schema
