"""The installation under `kill -9`: what was acknowledged stands, what was not stands whole or not at all."""
