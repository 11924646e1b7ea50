"""How fast it is, beside what cannot be avoided and what a user would pick instead."""
