"""A million rows, written to a temporary file and checked by the command line: rows a second and peak memory.

``python bench/million_rows.py [ROWS]``. It ends by itself and leaves nothing.
"""

import csv
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.e2e.program import credit_code  # noqa: E402

HEADER = (
    "案号",
    "被执行人姓名/名称",
    "身份证号码/组织机构代码",
    "主体类型",
    "作出执行依据单位",
    "执行依据文号",
    "生效法律文书确定的义务",
    "被执行人的履行情况",
    "失信被执行人行为具体情形",
    "发布时间",
)
UNIT, DUTY, HOW = "淮安市清江浦区人民法院", "支付货款", "有履行能力而拒不履行"


def main() -> None:
    """Write the file, check it, print the figures."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="creditgate-bench-") as directory:
        path = Path(directory) / "million.csv"
        with path.open("w", encoding="gb18030", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            for n in range(rows):
                case = f"(2026)苏0811执{n}号"
                name = f"淮安云岫样例{n}有限公司"
                writer.writerow((case, name, credit_code(n), "1", UNIT, case, DUTY, "全部未履行", HOW, "2026-09-01"))
        size = path.stat().st_size
        command = [str(Path(sys.executable).parent / "creditgate"), "feed", "check", str(path)]
        command += ["--format", "court-dishonest-persons", "--rows", "0"]
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    summary = done.stdout.strip()[-60:]
    sys.stdout.write(f"{rows} rows, {size / 1e6:.0f} MB of GB18030: exit {done.returncode}, {summary}\n")
    sys.stdout.write(f"{took:.1f} s, {rows / took:.0f} rows/s, peak {peak:.0f} MiB\n")


if __name__ == "__main__":
    main()
