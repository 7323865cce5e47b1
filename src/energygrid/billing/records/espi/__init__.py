"""What ESPI feeds say besides readings, as records: bills, power quality, and who is supplied where and by whom.

Source: contracts/greenbutton.md 1.2 and 1.3. A record is attached to a meter or an account that the mirror knows, never
guessed at; what has no home here is said to be left out. What a feed does not say stays as it is known.
"""

from energygrid.billing.records.espi.taking import take

__all__ = ["take"]
