"""The closed list of problem codes, each with its HTTP status and its text in English and Chinese.

4xx: the caller can correct it. 5xx: the fault is ours; no fault of ours is ever an allow or a deny.
"""

from typing import NamedTuple

from rules.faults import Text


class Kind(NamedTuple):
    """What a code means."""

    status: int
    text: Text


PROBLEMS: dict[str, Kind] = {
    "json_invalid": Kind(400, Text("The body is not valid JSON in UTF-8", "请求体不是有效的 UTF-8 编码 JSON")),
    "body_empty": Kind(400, Text("The body holds no record", "请求体中没有记录")),
    "body_unreadable": Kind(400, Text("The body is not encoded as its headers say", "请求体的编码与请求头所述不符")),
    "key_missing": Kind(401, Text("An API key is needed: Authorization: Bearer <key>", "需要 API 密钥：Authorization: Bearer <密钥>")),
    "key_unknown": Kind(401, Text("This API key is not known or was revoked", "该 API 密钥未登记或已吊销")),
    "scene_not_granted": Kind(403, Text("This client may not check in this scene", "该客户端无权在此场景比对")),
    "feed_not_granted": Kind(403, Text("This client may not feed for this authority", "该客户端无权代该单位报送")),
    "release_not_granted": Kind(403, Text("This client may not release locks", "该客户端无权解除锁定")),
    "inspect_not_granted": Kind(403, Text("This client may not read metrics", "该客户端无权查看运行指标")),
    "quarantine_not_granted": Kind(403, Text("This client may not release or discard quarantined feeds", "该客户端无权处置暂存的报送")),
    "listing_not_granted": Kind(403, Text("This client may not see this listing", "该客户端无权查看该记录")),
    "not_found": Kind(404, Text("No resource has this address", "该地址不存在")),
    "authority_unknown": Kind(404, Text("No such authority is registered", "该认定单位未登记")),
    "receipt_unknown": Kind(404, Text("There is no such receipt", "没有该回执")),
    "lock_unknown": Kind(404, Text("There is no such lock", "没有该锁定")),
    "listing_unknown": Kind(404, Text("There is no such listing", "没有该记录")),
    "decision_unknown": Kind(404, Text("There is no such decision of this client; one just made may take a second", "没有该处置记录；刚作出的处置可能需要片刻")),
    "webhook_unknown": Kind(404, Text("This client has no webhook", "该客户端没有登记回调地址")),
    "delivery_unknown": Kind(404, Text("There is no such delivery", "没有该推送")),
    "schema_unknown": Kind(404, Text("There is no such schema", "没有该模式")),
    "method_not_allowed": Kind(405, Text("This resource does not support the method", "此处不支持该方法")),
    "body_too_slow": Kind(408, Text("The body came too slowly", "请求体传输过慢")),
    "lock_not_held": Kind(409, Text("This lock is not held any more", "该锁定已不在锁定状态")),
    "feedback_given": Kind(409, Text("There is feedback already; a correction names it in `corrects`", "已有反馈；更正时请在 corrects 中写明原反馈编号")),
    "feed_not_held": Kind(409, Text("No record of this feed is in quarantine", "该单位没有暂存的报送")),
    "lock_changed": Kind(412, Text("The listings of this lock have changed since it was read; read it again", "该锁定所依据的记录已有变化，请重新查看后再处理")),
    "body_too_large": Kind(413, Text("The body is larger than the limit", "请求体超过上限")),
    "file_too_large": Kind(413, Text("The file is larger than the limit; send it in parts", "文件超过上限，请分批报送")),
    "file_kind_unsupported": Kind(415, Text("This kind of file is not supported", "不支持该类文件")),
    "media_type_unsupported": Kind(415, Text("Send application/json or application/x-ndjson", "请使用 application/json 或 application/x-ndjson")),
    "request_invalid": Kind(422, Text("A field is missing or has the wrong form", "字段缺失或格式不正确")),
    "scene_unknown": Kind(422, Text("There is no such scene in the policy", "策略中没有该场景")),
    "subject_missing": Kind(422, Text("At least one subject must be given", "至少需要一个主体")),
    "subject_unidentified": Kind(422, Text("A subject needs an id or a name", "主体至少需要证件号码或名称")),
    "operator_missing": Kind(422, Text("The operator is missing: send operator, or fix it in the registration of the client", "请写明查询人 operator（或在登记时固定）")),
    "purpose_missing": Kind(422, Text("The purpose is missing: send purpose, or fix it in the registration of the client", "请写明用途 purpose（或在登记时固定）")),
    "identifier_invalid": Kind(422, Text("An identifier is not valid", "证件号码无效")),
    "amount_missing": Kind(422, Text("This scene needs the amount of the transaction", "此场景需要填写交易金额 amount")),
    "region_missing": Kind(422, Text("This scene needs the region of the transaction", "此场景需要填写交易地区 region")),
    "feedback_incomplete": Kind(422, Text("What was not carried out needs a reason and the person who approved it", "未执行的须写明理由和批准人")),
    "measure_not_asked": Kind(422, Text("The decision names no such measure", "该处置中没有此项措施")),
    "ticket_invalid": Kind(422, Text("The ticket is not valid for this client, scene and transaction", "凭证无效，或不属于该客户端、场景和业务")),
    "webhook_url_refused": Kind(422, Text("This address may not be called", "不允许回调该地址")),
    "file_missing": Kind(422, Text("Send the file with its name: a form field `file`, or Content-Disposition with filename=", "请附带文件名上传文件：表单字段 file，或 Content-Disposition 的 filename=")),
    "file_unreadable": Kind(422, Text("The file cannot be read", "文件无法读取")),
    "format_unknown": Kind(422, Text("There is no such format", "没有该格式")),
    "snapshot_refused": Kind(422, Text("A full list is accepted whole or not at all; rows of this one have faults", "全量名单须整体接收，本次有记录未通过")),
    "records_refused": Kind(422, Text("No record of this delivery could be accepted", "本次报送没有可接收的记录")),
    "rate_limited": Kind(429, Text("This client is over its rate limit; wait for Retry-After", "该客户端请求过于频繁，请在 Retry-After 之后重试")),
    "internal_error": Kind(500, Text("An internal error occurred; nothing was decided", "系统内部错误，未作出任何处置")),
    "overloaded": Kind(503, Text("The server is overloaded; nothing was done", "系统繁忙，未作任何处理")),
    "register_not_loaded": Kind(503, Text("The register is not loaded; nothing was decided", "名单库尚未就绪，未作出任何处置")),
    "register_empty": Kind(503, Text("The register has never been fed; nothing was decided", "名单库尚未收到任何报送，未作出任何处置")),
    "register_unreachable": Kind(503, Text("The register cannot be reached; nothing was decided", "名单库无法访问，未作出任何处置")),
    "ledger_unavailable": Kind(503, Text("The ledger cannot be written; nothing was decided", "档案无法写入，未作出任何处置")),
    "audit_unavailable": Kind(503, Text("The query cannot be recorded; nothing was decided", "查询无法登记，未作出任何处置")),
    "broker_unavailable": Kind(503, Text("The feed cannot be stored durably; nothing was accepted", "报送无法可靠保存，未接收任何记录")),
}  # fmt: skip
