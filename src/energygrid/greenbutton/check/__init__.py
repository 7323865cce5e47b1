"""Checks Green Button documents, ours or anybody's: schema, closed enumerations, links, certification's checks, sense.

`run(document)` answers a `Report`. Rules are functions in the modules beside this one, each with its id; importing them
registers them in `rules.RULES`.
"""

from energygrid.greenbutton.check import (  # noqa: F401 - importing registers rules
    clients,
    enumerations,
    envelope,
    fb_common,
    fb_intervals,
    fb_measured,
    fb_summaries,
    measures,
    privacy,
    records,
    schema,
    sense,
)
from energygrid.greenbutton.check.checker import run
from energygrid.greenbutton.check.report import Block, Finding, Report, Severity

__all__ = ["Block", "Finding", "Report", "Severity", "run"]
