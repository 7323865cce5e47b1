"""The usage side of Green Button: usage points, readings, bills and power quality as ESPI resources."""
