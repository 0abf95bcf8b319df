"""Evening colours: the default theme with a warmer hue and rounder corners."""
