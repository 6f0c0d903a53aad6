"""``nnsweep doctor``: whether everything is there that sweeps need."""

import json
from pathlib import Path

import click

from nnsweep.commands.options import say, store_option
from nnsweep.errors import ConfigError, DifferenceError, StoreError
from nnsweep.text import mask_secrets


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
@store_option
def doctor(*, as_json: bool, uri: str | None) -> None:
    """Check installation, machine, store and data, and say what to do.

    Each line is ok, a warning (sweeps run, if slower or less safely) or a problem. Nothing is made or changed. The exit
    code is 0 if there is no problem, 5 if there is one with the store or its disk, 6 if a run's record does not agree
    with itself, and 2 if there are only others.

    For example: nnsweep doctor --uri sqlite:///mlflow.db
    """
    from nnsweep import __version__
    from nnsweep.doctor.examination import examined
    from nnsweep.results.wording import count

    findings = []
    for finding in examined(uri, Path.cwd()):
        findings.append(finding)
        if not as_json:
            say(finding.in_words())
    problems = [finding for finding in findings if finding.state == "problem"]
    if as_json:
        told = [{name: value for name, value in one._asdict().items() if name != "error"} for one in findings]
        print(
            mask_secrets(json.dumps({"nnsweep": __version__, "n_problems": len(problems), "findings": told}, indent=1))
        )
    if problems:
        kinds = {finding.error for finding in problems}
        kind = next((one for one in (StoreError, DifferenceError) if one in kinds), ConfigError)
        names = ", ".join(dict.fromkeys(finding.what for finding in problems))
        raise kind(f"{count(len(problems), 'problem')}: {names}; see above")
