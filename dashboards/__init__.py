"""What people see: one Dash page per group of users, shared components and browser code."""
