"""What is out of date, what a run would make, and what that costs: pure functions of a snapshot of a project."""
