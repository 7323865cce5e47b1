"""Events, their lifecycle and the clock that drives it."""
