"""What people and machines see of a running dock: logs, status, control."""
