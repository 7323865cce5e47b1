"""What is told of assets that were not called, and of comparing others with them."""

from energygrid.surfaces.flex.wire import Out


class ControlGroupOut(Out):
    """How far controls can stand in for the called assets; null: nothing can be said.

    `valid`: 150 controls or more, whose scaled energy in the event's hours on `days` days before it was the called
    assets' within 1.5 %, at 90 % (`biasLow` to `biasHigh`, shares). `distance` is the median of how far the mean day
    of a called asset is from the nearest control's, by its mean load. Controls without a profile or without readings
    are `waiting`.
    """

    controls: int
    waiting: int
    valid: bool
    days: int
    bias: float | None
    bias_low: float | None
    bias_high: float | None
    distance: float | None


class ComparisonOut(Out):
    """How one asset is compared: what the controls used more than their own profiles in each half-hour (`changeKwh`)
    counts by `scale`, the asset's load by that of a mean control.

    Profiles are by `baseRuleSet`. `digest` is a hash over what the group was made of. Of a control itself there is its
    own load alone.
    """

    base_rule_set: str
    base_version: int
    own_load_kwh_per_day: str | None
    distance: float | None
    controls: int | None
    change_kwh: list[str] | None
    load_kwh_per_day: str | None
    scale: float | None
    digest: str | None
    validity: ControlGroupOut | None
