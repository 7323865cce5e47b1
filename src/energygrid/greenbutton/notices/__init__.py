"""Telling third parties that something they may read has changed."""
