"""What people see: one Dash page per group of users, shared components and browser code."""

from dashboards.application import MapSettings, create_dash
from dashboards.sign_in import sign_in_page

__all__ = ["MapSettings", "create_dash", "sign_in_page"]
