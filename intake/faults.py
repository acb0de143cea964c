"""The faults of a file and of its rows: a stable code for each, with a text in English and in Chinese.

The ``path`` of a row's fault is the column as the department spells it. No text repeats the content of a cell.
"""

from rules.faults import CreditGateError, InvalidRecordError, Text

INTAKE_FAULTS: dict[str, Text] = {
    "row_malformed": Text(
        "The line is not valid delimited text: a quotation mark is not closed, or is inside a cell.",
        "该行不是规范的分隔文本：引号未闭合或出现在单元格中间。",
    ),
    "cells_without_column": Text(
        "The row has more cells than the header; a cell that contains a separator may lack quotation marks.",
        "该行单元格多于表头列数，可能是单元格内的分隔符未加引号。",
    ),
    "row_too_long": Text("The line is longer than 1 MiB.", "该行超过 1 MiB。"),
    "column_missing": Text("The file lacks a required column.", "文件缺少必需的列。"),
    "column_empty": Text("A required cell is empty.", "必填单元格为空。"),
    "cell_error": Text("The cell contains an error value of the spreadsheet.", "单元格为表格错误值。"),
    "cell_structured": Text("Text or a number is expected here.", "此处应为文字或数字。"),
    "number_unreadable": Text("A whole number is expected here.", "此处应为整数。"),
    "date_unreadable": Text(
        "The date is not recognised; accepted are 2018-10-30, 2018/10/30, 2018.10.30, 20181030 and 2018年10月30日.",
        "日期格式无法识别；可用 2018-10-30、2018/10/30、2018.10.30、20181030、2018年10月30日。",
    ),
    "code_unknown": Text("The value is not in the format's code table.", "格式的代码表中没有该取值。"),
    "part_missing": Text("The cell lacks the part that the format reads from it.", "单元格中缺少应拆分出的部分。"),
    "split_uneven": Text("The number of names differs from the number of identifiers.", "姓名与证件号码的个数不一致。"),
    "identifier_precision_lost": Text(
        "The identifier is stored as a number, of which a spreadsheet keeps only 15 digits; the rest is lost. "
        "Format the column as text and enter the identifiers again.",
        "证件号码存为数值，电子表格只保留 15 位，其余数字已丢失；请将该列设为文本后重新录入。",
    ),
    "subject_kind_unclear": Text(
        "It cannot be determined whether the subject is a person or an organisation.",
        "无法判断主体是自然人还是法人或其他组织。",
    ),
    "change_without_before": Text(
        "The deletion event does not contain the deleted row: set REPLICA IDENTITY FULL on the table.",
        "删除事件未携带删除前的内容：请对该表设置 REPLICA IDENTITY FULL。",
    ),
    "change_malformed": Text(
        "This is not a change event with op, before, after and source.ts_ms.",
        "不是含 op、before、after、source.ts_ms 的变更事件。",
    ),
    "change_not_of_a_row": Text(
        "The event is not about a single row; after truncating a table, send the removals one by one.",
        "该事件不针对单行；清空表后请逐条报送移出记录。",
    ),
}
"""Faults of one row, by code."""

INTAKE_NOTES: dict[str, Text] = {
    "end_for_ever": Text(
        "The end means never; it is treated as not given, and the legal period applies (办法二 Art. 27).",
        "截止日写为长期，按未填处理，适用法定期限（办法二第二十七条）。",
    ),
}
"""Notes on fields that were read differently from how they were written, by code."""

FILE_FAULTS: dict[str, Text] = {
    "file_kind_unknown": Text(
        "The name must end in .csv, .tsv, .txt, .xlsx, .xls, .json, .ndjson or .jsonl.",
        "文件名须以 .csv、.tsv、.txt、.xlsx、.xls、.json、.ndjson 或 .jsonl 结尾。",
    ),
    "file_binary": Text("The file is not text.", "文件内容不是文本。"),
    "encoding_unknown": Text(
        "The file is neither UTF-8 nor GB18030, nor UTF-16 with a byte order mark.",
        "文件编码不是 UTF-8、GB18030，也不是带 BOM 的 UTF-16。",
    ),
    "line_too_long": Text("A line is longer than 1 MiB.", "文件中有超过 1 MiB 的行。"),
    "json_invalid": Text("The file is not valid JSON.", "文件不是有效的 JSON。"),
    "file_too_large": Text(
        "A file of this kind must not exceed 64 MiB; send CSV or NDJSON instead.",
        "此类文件不得超过 64 MiB；请改用 CSV 或 NDJSON。",
    ),
    "workbook_unreadable": Text(
        "The workbook cannot be opened: it is damaged or encrypted, or it is not a workbook.",
        "工作簿无法打开：已损坏、已加密或不是工作簿。",
    ),
    "workbook_too_large": Text("The workbook unpacks to more than 1 GiB.", "工作簿解压后超过 1 GiB。"),
    "header_missing": Text(
        "No header in the first 30 rows: it must have at least two of the format's columns.",
        "前 30 行中未找到表头：表头至少应有格式规定的两列。",
    ),
    "header_duplicate": Text("The header has a column twice.", "表头中有重复的列。"),
    "sheets_ambiguous": Text(
        "More than one sheet has this header; send each as a file of its own.", "有多个工作表含该表头，请分别报送。"
    ),
}
"""Faults of a file as a whole, by code."""


class FileUnreadableError(CreditGateError, ValueError):
    """The file as a whole cannot be read. ``line`` is where reading stopped, if known."""

    def __init__(self, code: str, *, line: int | None = None) -> None:
        self.code = code
        self.line = line
        self.text = FILE_FAULTS[code]
        place = "" if line is None else f" (line {line})"
        super().__init__(f"{self.text.en}{place} / {self.text.zh}")


def row_fault(code: str, path: str = "$") -> InvalidRecordError:
    """The fault of one row, with the text of its code. ``path`` is a column, or "$" for the row."""
    return InvalidRecordError(code, path=path, text=INTAKE_FAULTS[code])
