"""Write `docs/reference/commands.md` from the commands: `python docs/commands_table.py > docs/reference/commands.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args, get_origin

from typer.main import get_command

from worker.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

    import typer

HEAD = """# Commands

Every command ends with 0, with 1 (it did not work) or with 2 (wrong usage or settings), and says on standard error what is wrong and what to do about it.
With `--json`, results are JSON on standard output, the last line one object. A word in capitals is a value to give. What is set by `STRIDE_…` variables stands in
[the settings](settings.md).

This page is made from the commands themselves by `make docs-reference`; a test compares the two.
"""


def page() -> str:
    return "\n".join([HEAD, *_sections("stridegraph", get_command(app))]).rstrip() + "\n"


def _sections(path: str, command: typer.core.TyperCommand | typer.core.TyperGroup) -> Iterator[str]:
    commands = getattr(command, "commands", None)
    if commands:
        for name, one in commands.items():
            yield from _sections(f"{path} {name}", one)
        return
    named = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    usage = " ".join([path, *(_argument(one) for one in named)])
    yield f"## `{usage}`\n"
    yield "\n\n".join(" ".join(part.split()) for part in command.help.split("\n\n")) + "\n"
    rows = [
        *((f"`{_argument(one)}`".replace("|", "\\|"), one) for one in named),
        *((_option(one), one) for one in options),
    ]
    if rows:
        yield "| | | default |\n|---|---|---|"
        yield from (f"| {name} | {_meaning(one)} | {_default(one)} |" for name, one in rows)
        yield ""


def _argument(one: typer.core.TyperArgument) -> str:
    name = (one.metavar or one.name).upper().rstrip("…") + ("…" if one.nargs != 1 else "")
    return name if one.required else f"[{name}]"


def _option(one: typer.core.TyperOption) -> str:
    names = ", ".join(f"`{name}`" for name in one.opts)
    return (
        names
        if one.is_flag
        else f"{names} {(one.metavar or one.name).upper()}" + (", again and again" if one.multiple else "")
    )


def _meaning(one: typer.core.TyperOption | typer.core.TyperArgument) -> str:
    kind = one.type_descriptor.annotation
    choices = ", ".join(f"`{choice}`" for choice in get_args(kind)) if get_origin(kind) is Literal else ""
    bounds = [f"{word} {at:g}" for word, at in (("at least", one.min), ("at most", one.max)) if at is not None]
    said = [
        one.help.replace("|", "\\|"),
        f"One of {choices}." if choices else "",
        f"{', '.join(bounds).capitalize()}." if bounds else "",
    ]
    return " ".join(part for part in said if part)


def _default(one: typer.core.TyperOption | typer.core.TyperArgument) -> str:
    if one.required:
        return "must be given"
    return "" if one.default in (None, False, "", [], ()) else f"`{one.default}`"


if __name__ == "__main__":
    print(page(), end="")
