"""Compiled kernels: arrays in, arrays out, no validation."""

from mitools._kernels.cache import settle

settle()
