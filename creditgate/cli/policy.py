"""``creditgate policy check|test|diff``: review a policy pack before it is put in force."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from config.files import ConfigError, load_departments
from config.policy_file import examples_path, load_examples, load_policy
from creditgate.cli.terminal import MISUSE, REFUSED, JsonOption, fail, out, print_json, settings_or_fail
from rules.calendar import civil_day
from rules.policy.diff import case_diffs, part_diffs
from rules.policy.examples import ExampleResult, run_example
from rules.policy.pack import Policy
from rules.policy.review import review

PackOption = Annotated[Path | None, typer.Option("--pack", help="Policy pack. Default: the one in force.")]
app = typer.Typer(no_args_is_help=True, help="Policy packs. / 策略包。")


@app.callback()
def policy() -> None:
    """Policy packs. / 策略包。"""


@app.command()
def check(pack: PackOption = None, json: JsonOption = False) -> None:
    """Check that a pack is valid and each rule can act; exits with 1 on a remark, 2 on a fault. / 检查策略包。"""
    settings = settings_or_fail()
    found = load_or_fail(pack or settings.policy)
    remarks = review(found, load_departments(settings.departments), today())
    if json:
        print_json({"policy": found.reference, "remarks": [remark._asdict() for remark in remarks]})
    else:
        content = found.pack
        counts = f"{len(content.scenes)} scenes, {len(content.rules)} rules, {len(content.measures)} measures"
        out.print(f"{content.pack} {content.version} {found.digest}: {counts}", highlight=False, soft_wrap=True)
        for remark in remarks:
            out.print(f"  {remark.code} {remark.rule}: {remark.text}", style="yellow", highlight=False, soft_wrap=True)
    if remarks:
        raise typer.Exit(REFUSED)


@app.command("test")
def run_examples(
    pack: PackOption = None,
    examples: Annotated[Path | None, typer.Option("--examples", help="Default: the file beside the pack.")] = None,
    json: JsonOption = False,
) -> None:
    """Run the examples of a pack; exits with 1 when one has another outcome than expected. / 运行策略示例。"""
    path = pack or settings_or_fail().policy
    found = load_or_fail(path)
    try:
        results = [
            run_example(found, item, today())
            for item in load_examples(examples or examples_path(path), found.pack.pack)
        ]
    except ConfigError as error:
        fail(str(error), MISUSE)
    failed = [item for item in results if item.differs]
    fired = {rule for item in results for rule in item.fired}
    rules_without = [rule.id for rule in found.pack.rules if rule.id not in fired and not rule.shadow]
    if json:
        failures = [{"name": item.example.name, "differs": item.differs} for item in failed]
        print_json(
            {"policy": found.reference, "examples": len(results), "failed": failures, "rules_without": rules_without}
        )
    else:
        _print_results(results, failed, rules_without)
    if failed or not results:
        raise typer.Exit(REFUSED)


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="Old pack.")],
    new: Annotated[Path, typer.Argument(help="New pack.")],
    json: JsonOption = False,
) -> None:
    """Compare two packs by parts and outcomes; exits with 1 when an outcome changes. / 比较策略包。"""
    before, after = load_or_fail(old), load_or_fail(new)
    parts, cases = part_diffs(before, after), case_diffs(before, after, today())
    if json:
        print_json({"parts": [part._asdict() for part in parts], "outcomes": [case._asdict() for case in cases]})
    else:
        for part in parts:
            for what, names in (("added", part.added), ("removed", part.removed), ("changed", part.changed)):
                for name in names:
                    out.print(f"{part.kind} {what}: {name}", highlight=False)
        for case in cases:
            line = f"{case.scene}: {case.before} → {case.after}, {case.cases} cases, as {case.example}"
            out.print(line, style="yellow", highlight=False, soft_wrap=True)
        if not parts and not cases:
            out.print("no difference / 无差异", style="green")
    if cases:
        raise typer.Exit(REFUSED)


def load_or_fail(path: Path) -> Policy:
    """Load a pack; on faults print each with its line and exit with 2."""
    try:
        return load_policy(path)
    except ConfigError as error:
        fail(str(error), MISUSE)


def today() -> date:
    """Today in Beijing."""
    return civil_day(datetime.now(UTC))


def _print_results(results: list[ExampleResult], failed: list[ExampleResult], rules_without: list[str]) -> None:
    for item in failed:
        place: Any = f"{item.example.name} ({item.example.scene}, {item.example.article or '—'})"
        out.print(f"✗ {place}", style="red", highlight=False, soft_wrap=True)
        for line in item.differs:
            out.print(f"    {line}", highlight=False, soft_wrap=True)
    if rules_without:
        out.print(
            f"no example shows / 无示例: {', '.join(rules_without)}", style="yellow", highlight=False, soft_wrap=True
        )
    style = "red" if failed or not results else "green"
    out.print(
        f"{len(results) - len(failed)} of {len(results)} examples as expected / 示例通过", style=style, highlight=False
    )
