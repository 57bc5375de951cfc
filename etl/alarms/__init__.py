"""Alarms: rules over what devices report, their life from raised to cleared, and the situations they form."""
