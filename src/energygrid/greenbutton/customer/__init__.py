"""The customer side of Green Button: who is supplied where, under which agreement, by whom, through which devices.

Source: contracts/greenbutton.md 1.3 and 2.3.
"""
