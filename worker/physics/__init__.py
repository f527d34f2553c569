"""The physics of a tick: arrays in, new arrays out; no clock, no settings, no I/O."""
