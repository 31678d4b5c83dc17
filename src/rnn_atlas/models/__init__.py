"""Dynamics, one file each: what a model makes of its parameters, and the derivative of its step."""
