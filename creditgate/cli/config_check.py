"""``creditgate config``: every setting with its value and meaning, and whether the edited files are valid."""

import typer

from config.files import ConfigError, load_departments, load_working_days
from config.policy_file import load_policy
from creditgate.cli.terminal import REFUSED, JsonOption, fail, out, print_json, settings_or_fail
from intake.formats.change_sources import change_sources
from intake.formats.loader import load_formats

app = typer.Typer(no_args_is_help=True, help="Configuration. / 配置。")


@app.callback()
def config() -> None:
    """Configuration. / 配置。"""


@app.command()
def check(json: JsonOption = False) -> None:
    """Show every setting and check the files that operators edit; exits with 1 on a fault. / 列出设置并检查配置。"""
    settings = settings_or_fail()
    faults = []
    for load in (
        lambda: load_policy(settings.policy),
        lambda: load_working_days(settings.holidays),
        lambda: change_sources(load_departments(settings.departments), load_formats(settings.formats)),
    ):
        try:
            load()
        except ConfigError as error:
            faults.append(str(error))
    if json:
        print_json({"settings": settings.shown(), "faults": faults})
        raise typer.Exit(REFUSED if faults else 0)
    for setting in settings.in_force():
        default = "" if setting.default is None else f", default {setting.default}"
        out.print(f"{setting.name}={setting.value}", style="bold", highlight=False, markup=False, soft_wrap=True)
        out.print(f"    {setting.meaning} ({setting.type}{default})", highlight=False, markup=False, soft_wrap=True)
    if faults:
        fail("\n".join(faults))
    out.print("configuration is usable / 配置可用", style="green")
