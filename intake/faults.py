"""What can be wrong with a file or one of its rows: a stable code each, in English and in Chinese.

``path`` of a row's fault is the column in the department's own words. No text repeats a cell.
"""

from rules.faults import CreditGateError, InvalidRecordError, Text

INTAKE_FAULTS: dict[str, Text] = {
    "row_malformed": Text(
        "The line is no delimited text: a quotation mark is left open, or stands inside a cell.",
        "该行不是规范的分隔文本：引号未闭合或出现在单元格中间。",
    ),
    "cells_without_column": Text(
        "The row has more cells than the header; a separator inside a cell may lack its quotation marks.",
        "该行单元格多于表头列数，可能是单元格内的分隔符未加引号。",
    ),
    "row_too_long": Text("The line is longer than 1 MiB.", "该行超过 1 MiB。"),
    "column_missing": Text("The file has no such column, and the record needs it.", "文件缺少必需的列。"),
    "column_empty": Text("The cell is empty, and the record needs it.", "必填单元格为空。"),
    "cell_error": Text("The cell holds an error of the spreadsheet.", "单元格为表格错误值。"),
    "cell_structured": Text("A text or a number must stand here.", "此处应为文字或数字。"),
    "number_unreadable": Text("A whole number must stand here.", "此处应为整数。"),
    "date_unreadable": Text(
        "No date is written like this; 2018-10-30, 2018/10/30, 2018.10.30, 20181030 and 2018年10月30日 are read.",
        "日期格式无法识别；可用 2018-10-30、2018/10/30、2018.10.30、20181030、2018年10月30日。",
    ),
    "code_unknown": Text("The code table of the format does not know this value.", "格式的代码表中没有该取值。"),
    "part_missing": Text("The cell has no such part.", "单元格中缺少应拆分出的部分。"),
    "split_uneven": Text(
        "One cell names several people and the other does not number as many.", "姓名与证件号码的个数不一致。"
    ),
    "identifier_precision_lost": Text(
        "The number stands in a numeric cell, where a spreadsheet keeps 15 digits only; the rest is lost. "
        "Format the column as text and enter it again.",
        "证件号码存为数值，电子表格只保留 15 位，其余数字已丢失；请将该列设为文本后重新录入。",
    ),
    "subject_kind_unclear": Text(
        "Nothing says whether this is a person or an organisation.", "无法判断主体是自然人还是法人或其他组织。"
    ),
    "change_without_before": Text(
        "The row was deleted, and the event does not say what it held: set REPLICA IDENTITY FULL on the table.",
        "删除事件未携带删除前的内容：请对该表设置 REPLICA IDENTITY FULL。",
    ),
    "change_malformed": Text(
        "This is no change event with op, before, after and source.ts_ms.",
        "不是含 op、before、after、source.ts_ms 的变更事件。",
    ),
    "change_not_of_a_row": Text(
        "The event is not about one row; after a truncation send the removals one by one.",
        "该事件不针对单行；清空表后请逐条报送移出记录。",
    ),
}
"""Codes of one row."""

INTAKE_NOTES: dict[str, Text] = {
    "end_for_ever": Text(
        "The end says for ever; it is left out, and the legal period applies (办法二 Art. 27).",
        "截止日写为长期，按未填处理，适用法定期限（办法二第二十七条）。",
    ),
}
"""Codes of what was read otherwise than it was written."""

FILE_FAULTS: dict[str, Text] = {
    "file_kind_unknown": Text(
        "The name must end in .csv, .tsv, .txt, .xlsx, .xls, .json, .ndjson or .jsonl.",
        "文件名须以 .csv、.tsv、.txt、.xlsx、.xls、.json、.ndjson 或 .jsonl 结尾。",
    ),
    "file_binary": Text("The file is not text, whatever its name says.", "文件内容不是文本。"),
    "encoding_unknown": Text(
        "The file is neither UTF-8 nor GB18030, nor UTF-16 with a byte order mark.",
        "文件编码不是 UTF-8、GB18030，也不是带 BOM 的 UTF-16。",
    ),
    "line_too_long": Text("A line is longer than 1 MiB.", "文件中有超过 1 MiB 的行。"),
    "json_invalid": Text("The file is not valid JSON.", "文件不是有效的 JSON。"),
    "file_too_large": Text(
        "A file of this kind may have at most 64 MiB; send CSV or NDJSON instead.",
        "此类文件不得超过 64 MiB；请改用 CSV 或 NDJSON。",
    ),
    "workbook_unreadable": Text(
        "The workbook cannot be opened: it is damaged, encrypted, or not a workbook.",
        "工作簿无法打开：已损坏、已加密或不是工作簿。",
    ),
    "workbook_too_large": Text("The workbook unpacks to more than 1 GiB.", "工作簿解压后超过 1 GiB。"),
    "header_missing": Text(
        "None of the first 30 rows is the header: at least two columns of the format must stand in it.",
        "前 30 行中未找到表头：表头至少应有格式规定的两列。",
    ),
    "header_duplicate": Text("A column stands in the header twice.", "表头中有重复的列。"),
    "sheets_ambiguous": Text(
        "More than one sheet has such a header; send one file for each.", "有多个工作表含该表头，请分别报送。"
    ),
}
"""Codes of a file as a whole."""


class FileUnreadableError(CreditGateError, ValueError):
    """The file as a whole cannot be read. ``line`` is where it stopped, if that is known."""

    def __init__(self, code: str, *, line: int | None = None) -> None:
        self.code = code
        self.line = line
        self.text = FILE_FAULTS[code]
        place = "" if line is None else f" (line {line})"
        super().__init__(f"{self.text.en}{place} / {self.text.zh}")


def row_fault(code: str, path: str = "$") -> InvalidRecordError:
    """The fault of one row, with the text of its code."""
    return InvalidRecordError(code, path=path, text=INTAKE_FAULTS[code])
