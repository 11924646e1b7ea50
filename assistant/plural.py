"""A number and what is counted -> how it is said."""


def counted(number: int, thing: str) -> str:
    """A number and what is counted, as it is said.

    >>> counted(1, "paper"), counted(1200, "paper")
    ('1 paper', '1,200 papers')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
